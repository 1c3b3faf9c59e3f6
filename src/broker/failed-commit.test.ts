import { expect, it } from 'vitest';
import { createMemoryStore } from '../store/index.ts';
import { settled } from './testing/fake-device.ts';
import { acked, made, publishBytes, qos0, writer } from './testing/fake-writer.ts';

it('a commit that the store rejects: nobody is acknowledged, and who waits for it learns of it', async () => {
  const failures = [new Error('the disk is gone')];
  const commit = async (): Promise<void> => {
    const failure = failures.shift();
    if (failure !== undefined) throw failure;
  };
  const all = made({ store: { ...createMemoryStore(), commit } });
  const queue = all.broker.record(qos0);
  const device = await writer(all);
  device.sendBytes(publishBytes('t', 'x', 1, 1));
  await expect(queue.read(0, 10, 1e6)).rejects.toThrow('the disk is gone');
  await settled();
  expect(acked(device)).toEqual([]);
});

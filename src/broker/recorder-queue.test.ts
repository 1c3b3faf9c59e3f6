import { describe, expect, it } from 'vitest';
import { type FakeDevice, settled } from './testing/fake-device.ts';
import { acked, away, isWaiting, made, publishBytes, qos0, writer } from './testing/fake-writer.ts';

describe("the recorder's queue at its bound, with many who wait", () => {
  const BOUND = 20;
  /** Five publishers with a hundred messages each, each in one read. */
  async function flooded(
    payload: string,
    limits: { maxRecorderQueueMessages?: number; maxRecorderQueueBytes?: number },
  ) {
    const all = made({ limits });
    const queue = all.broker.record(qos0);
    const writers: FakeDevice[] = [];
    for (let n = 0; n < 5; n++) writers.push(await writer(all, `w${n}`));
    const qosOf = (i: number): 1 | 2 => (i % 2 === 0 ? 1 : 2);
    const packets = Array.from({ length: 100 }, (_, i) => publishBytes('t', payload, qosOf(i), i + 1));
    const bytes = Buffer.concat(packets);
    for (const device of writers) device.sendBytes(bytes);
    await settled();
    const drain = async (count: number): Promise<void> => {
      queue.ackThrough((await queue.read(0, count, 1e6)).at(-1)?.number ?? 0);
      await settled();
    };
    const answered = (device: FakeDevice): number => device.of('puback').length + device.of('pubrec').length;
    return { ...all, queue, writers, drain, answered };
  }

  it('never holds more than its bound, and loses nothing that was acknowledged', async () => {
    const { queue, writers, drain, answered, broker } = await flooded('x', { maxRecorderQueueMessages: BOUND });
    expect(queue.depth().entries).toBe(BOUND);
    let drained = 0;
    while (queue.depth().entries > 0) {
      expect(queue.depth().entries).toBeLessThanOrEqual(BOUND);
      // What is acknowledged is in the queue, or was.
      expect(writers.reduce((sum, device) => sum + answered(device), 0)).toBe(drained + queue.depth().entries);
      const before = queue.depth().entries;
      await drain(3);
      drained += Math.min(3, before);
    }
    expect(drained).toBe(500);
    expect(broker.stats().publishersWaiting).toBe(0);
  });

  it('goes beyond its bound of bytes by one message at most', async () => {
    const payload = 'x'.repeat(999);
    const { queue, drain } = await flooded(payload, { maxRecorderQueueBytes: 10_500 });
    while (queue.depth().entries > 0) {
      expect(queue.depth().bytes).toBeLessThan(10_500 + 1000);
      await drain(3);
    }
  });

  it('takes from each of them in turn', async () => {
    const { writers, drain, answered } = await flooded('x', { maxRecorderQueueMessages: BOUND });
    expect(writers.map(answered)).toEqual([BOUND, 0, 0, 0, 0]);
    for (let n = 0; n < 5; n++) await drain(10);
    expect(writers.map(answered)).toEqual([30, 10, 10, 10, 10]);
  });

  it('tells its reader when it is full, and no more when it is not', async () => {
    const all = made({ limits: { maxRecorderQueueMessages: 3 } });
    const queue = all.broker.record(qos0);
    const told: boolean[] = [];
    queue.onEntries((isFull) => told.push(isFull));
    const device = await writer(all, 'w');
    for (let id = 1; id <= 3; id++) {
      device.publish('t', 'x', 1, id);
      await settled();
    }
    expect(told).toEqual([false, false, true]);
    queue.ackThrough((await queue.read(0, 2, 1e6)).at(-1)?.number ?? 0);
    expect(told.at(-1)).toBe(false);
  });

  it('keeps nobody waiting who waits for something else', async () => {
    const all = await flooded('x', { maxRecorderQueueMessages: BOUND });
    await away(all, 'away', '$own/#');
    all.broker.diskIsLow(true);
    const other = await writer(all, 'other');
    other.publish('$own/x', 'y', 1, 1);
    await settled();
    expect(isWaiting(other)).toBe(true);
    all.broker.diskIsLow(false);
    await settled();
    expect([acked(other), all.queue.depth().entries]).toEqual([[1], BOUND]);
  });
});

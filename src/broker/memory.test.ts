import { afterEach, describe, expect, it } from 'vitest';
import { createMemoryWatermark, nothingReached, silentLogger } from '../base/index.ts';
import { EMPTY_PROPERTIES, encodePacket, Reason } from '../codec/index.ts';
import type { Broker } from './index.ts';
import { fakeBroker } from './testing/fake-broker.ts';
import { FakeDevice, settled } from './testing/fake-device.ts';

let broker: Broker;
afterEach(() => broker.close());

/** A broker whose memory the test sets, in percent of its watermark. */
function shortBroker(limits = {}) {
  let percent = 10;
  const timers: (() => void)[] = [];
  const memory = createMemoryWatermark({
    bytes: 100,
    logger: silentLogger,
    reached: nothingReached(),
    read: () => ({ residentBytes: percent, usedBytes: percent, heapShare: 0 }),
    collect: () => {},
  });
  const fake = fakeBroker({ memory, limits, later: (work) => void timers.push(work) });
  broker = fake.broker;
  return {
    use: (share: number): void => {
      percent = share;
      broker.tick();
    },
    ring: () => {
      for (const work of timers.splice(0)) work();
    },
    wait: fake.wait,
  };
}

const received = (device: FakeDevice): number => device.received.filter(({ type }) => type === 'publish').length;

describe('where memory is short, what is shed, in its order', () => {
  it('QoS 0 of receivers that are behind, at once; never what waits in a queue', async () => {
    const { use } = shortBroker({ maxOutputBytes: 64 * 1024 });
    const slow = await FakeDevice.connected(broker, { clientId: 'slow', clean: false });
    slow.subscribe('q0', 0);
    slow.subscribe('q1', 1);
    const sender = await FakeDevice.connected(broker, { clientId: 'sender' });
    await settled();
    slow.reading = false;
    for (let n = 0; n < 10; n++) sender.publish('q1', String(n), 1, n + 1);
    for (let n = 0; n < 10 && !sender.paused; n++) sender.publish('q0', 'x'.repeat(16 * 1024), 0);
    await settled();
    expect(sender.paused).toBe(true); // it waits for the slow one
    use(93);
    expect(sender.paused).toBe(false);
    expect(broker.stats().dropped).toBe(0);
    sender.publish('q0', 'x', 0);
    await settled();
    expect(broker.stats().dropped).toBe(1);
    expect(broker.stats().queued).toBe(10);
  });

  it('at last subscriptions that are new are refused, and a large packet that is not whole is not waited for', async () => {
    const { use } = shortBroker();
    const five = { version: 5, clientId: 'five' } as const;
    const device = await FakeDevice.connected(broker, five);
    device.subscribe('a', 1);
    await settled();
    const large = {
      topic: 't',
      payload: Buffer.alloc(200_000),
      qos: 1,
      packetId: 1,
      retain: false,
      dup: false,
    } as const;
    const bytes = encodePacket({ type: 'publish', ...large, properties: EMPTY_PROPERTIES }, 5);
    const other = await FakeDevice.connected(broker, { version: 5, clientId: 'other' });
    other.sendBytes(bytes.subarray(0, 100_000));
    use(100);
    device.subscribe('b', 1);
    device.subscribe('a', 1); // it has that one
    await settled();
    expect(device.of('suback').map(({ reasons }) => reasons)).toEqual([[1], [Reason.quotaExceeded], [1]]);
    other.sendBytes(bytes.subarray(100_000, 101_000));
    await settled();
    expect([other.closed, other.of('disconnect')[0]?.reason]).toEqual([true, Reason.quotaExceeded]);
    const small = await FakeDevice.connected(broker, { version: 5, clientId: 'small' });
    small.sendBytes(bytes.subarray(0, 10_000));
    await settled();
    expect(small.closed).toBe(false);
  });

  it('then publishers are read more slowly, and nobody else; below the watermark they are not', async () => {
    const { use, ring } = shortBroker();
    const receiver = await FakeDevice.connected(broker, { clientId: 'receiver' });
    receiver.subscribe('a', 1);
    const sender = await FakeDevice.connected(broker, { clientId: 'sender' });
    use(100);
    sender.publish('a', 'x', 1, 1);
    await settled();
    receiver.puback(1);
    expect([sender.paused, receiver.paused]).toEqual([true, false]);
    expect(received(receiver)).toBe(1); // slowly, and all of it
    ring();
    expect(sender.paused).toBe(false);
    use(94);
    sender.publish('a', 'y', 1, 2);
    await settled();
    expect(sender.paused).toBe(false);
    expect(received(receiver)).toBe(2);
  });
});

import { afterEach, describe, expect, it } from 'vitest';
import { encodePacket } from '../codec/index.ts';
import { createMemoryStore, type Store } from '../store/index.ts';
import type { Broker } from './index.ts';
import { fakeBroker, principalOf } from './testing/fake-broker.ts';
import { FakeDevice } from './testing/fake-device.ts';
import { slowMeter } from './testing/slow-meter.ts';

let broker: Broker;
afterEach(() => broker.close());

/** Each look at the meter's clock takes so long. */
let stepMs = 0;
/** Commits that are under way. */
let commits: (() => void)[] = [];

function slowBroker(): void {
  stepMs = 0;
  commits = [];
  const store: Store = {
    ...createMemoryStore(),
    commit: () => new Promise((resolve) => commits.push(resolve)),
  };
  ({ broker } = fakeBroker({ store, meter: slowMeter(() => stepMs) }));
}

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
const synced = (): void => {
  for (const done of commits.splice(0)) done();
};

async function offlineReader(clientId: string): Promise<void> {
  const device = await FakeDevice.connected(broker, { clientId, clean: false });
  device.subscribe('a', 1);
  for (let turns = 0; turns < 4; turns++) {
    synced();
    await turn();
  }
  device.drop();
}

const inOrder = (count: number): number[] => Array.from({ length: count }, (_, n) => n + 1);
const acknowledged = (device: FakeDevice): number[] => device.of('puback').map(({ packetId }) => packetId);

/** So many PUBLISH packets of QoS 1 as one chunk. */
function publishes(from: number, count: number): Buffer {
  const one = { type: 'publish', topic: 'a', payload: Buffer.from('x'), qos: 1, retain: false, dup: false } as const;
  const packets = inOrder(count).map((n) => encodePacket({ ...one, packetId: from + n, properties: {} }, 4));
  return Buffer.concat(packets);
}

describe('a commit that much waits for', () => {
  it('is released in several turns, in its order, and before what came behind it', async () => {
    slowBroker();
    await offlineReader('reader');
    const sender = await FakeDevice.connected(broker, { clientId: 'sender' });
    sender.sendBytes(publishes(0, 1000));
    await turn();
    expect(acknowledged(sender)).toEqual([]);
    const first = commits.splice(0);
    sender.sendBytes(publishes(1000, 10));
    await turn();
    stepMs = 3;
    synced(); // the second one first
    await turn();
    expect(acknowledged(sender)).toEqual([]);
    for (const done of first) done();
    await turn();
    expect(acknowledged(sender).length).toBeLessThan(500);
    for (let turns = 0; turns < 200 && acknowledged(sender).length < 1010; turns++) await turn();
    expect(acknowledged(sender)).toEqual(inOrder(1010));
  });

  it('tells those inside that it is durable only when all before them is released', async () => {
    slowBroker();
    await offlineReader('reader');
    const sender = await FakeDevice.connected(broker, { clientId: 'sender' });
    sender.sendBytes(publishes(0, 500));
    let isTold = false;
    const request = { topic: 'a', payload: Buffer.from('y'), qos: 1, retain: false } as const;
    void broker.publish('default', request, principalOf('default')).then(() => {
      isTold = true;
    });
    await turn();
    stepMs = 3;
    synced();
    await turn();
    expect(isTold).toBe(false);
    for (let turns = 0; turns < 200 && !isTold; turns++) await turn();
    expect(isTold).toBe(true);
    expect(acknowledged(sender)).toEqual(inOrder(500));
  });
});

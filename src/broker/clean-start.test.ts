import { describe, expect, it } from 'vitest';
import { EMPTY_PROPERTIES, encodePacket, type Packet } from '../codec/index.ts';
import { createMemoryStore, type Store } from '../store/index.ts';
import { fakeBroker } from './testing/fake-broker.ts';
import { FakeDevice, settled } from './testing/fake-device.ts';

/** A store whose disk, once it is slow, syncs when the test says so. */
function storeOfTwoSpeeds() {
  let slow = false;
  const commits: (() => void)[] = [];
  const store: Store = {
    ...createMemoryStore(),
    commit: () => (slow ? new Promise((resolve) => void commits.push(resolve)) : Promise.resolve()),
  };
  const becomeSlow = (): void => {
    slow = true;
  };
  const sync = async (): Promise<void> => {
    for (const resolve of commits.splice(0)) resolve();
    await settled();
  };
  return { store, becomeSlow, sync };
}

const kept = { version: 5, clientId: 'c', properties: { sessionExpiryInterval: 100 } } as const;

/** A session that stays, whose client is away and whose QoS 2 message 7 is not released; then the disk gets slow. */
async function left() {
  const disk = storeOfTwoSpeeds();
  const fake = fakeBroker({ store: disk.store });
  const before = await FakeDevice.connected(fake.broker, { ...kept, clean: true });
  before.publish('t', 'old', 2, 7);
  await settled();
  expect(before.of('pubrec')).toHaveLength(1);
  before.drop();
  await settled();
  disk.becomeSlow();
  return { ...fake, ...disk };
}

const connect = (clean: boolean): Packet => ({
  type: 'connect',
  bridge: false,
  keepAlive: 0,
  username: null,
  password: null,
  will: null,
  ...kept,
  clean,
});
const ping = encodePacket({ type: 'pingreq' }, 5);
const types = (device: FakeDevice): string[] => device.received.map(({ type }) => type);

describe('a clean start in the place of a session that stays', () => {
  it('is answered once the old session is gone for good, and nothing is read before [MQTT-3.1.2-4] [MQTT-3.2.2-2]', async () => {
    const { broker, sync } = await left();
    const device = new FakeDevice(broker, 5);
    device.sendBytes(Buffer.concat([encodePacket(connect(true), 5), ping]));
    device.sendBytes(ping);
    await settled();
    expect([types(device), device.paused]).toEqual([[], true]);
    await sync();
    expect([types(device), device.paused]).toEqual([['connack', 'pingresp', 'pingresp'], false]);
    expect(device.of('connack')[0]).toMatchObject({ reason: 0, sessionPresent: false });
    device.publish('t', 'new', 2, 7);
    await settled();
    await sync();
    expect(device.of('pubrec').map(({ reason }) => reason)).toEqual([0x10]);
    expect(broker.stats().messagesIn).toBe(2);
  });

  it('gives way to a later CONNECT of its client id without a DISCONNECT before its CONNACK [MQTT-3.14.0-1]', async () => {
    const { broker, sync } = await left();
    const first = new FakeDevice(broker, 5);
    first.connect({ ...kept, clean: true });
    await settled();
    const second = new FakeDevice(broker, 5);
    second.connect({ ...kept, clean: false });
    await settled();
    // The session that it takes over is not known to be the only one either.
    expect([types(first), first.closed, types(second)]).toEqual([[], true, []]);
    await sync();
    expect([types(first), types(second)]).toEqual([[], ['connack']]);
    expect(second.of('connack')[0]).toMatchObject({ reason: 0, sessionPresent: true });
  });

  it('stands for the client that has gone meanwhile, and for its next connection', async () => {
    const { broker, sync } = await left();
    const device = new FakeDevice(broker, 5);
    device.connect({ ...kept, clean: true });
    device.drop();
    await settled();
    await sync();
    expect(types(device)).toEqual([]);
    expect(broker.clients('default')).toMatchObject([{ clientId: 'c', connected: false }]);
    const next = new FakeDevice(broker, 5);
    next.connect({ ...kept, clean: false });
    await settled();
    expect(next.of('connack')[0]).toMatchObject({ sessionPresent: true });
  });

  it('waits for nothing where there was no session that stays', async () => {
    const { broker } = await left();
    const other = new FakeDevice(broker, 5);
    other.connect({ ...kept, clientId: 'other', clean: true, properties: EMPTY_PROPERTIES });
    await settled();
    expect(types(other)).toEqual(['connack']);
    const again = new FakeDevice(broker, 5);
    again.connect({ ...kept, clientId: 'other', clean: true });
    await settled();
    expect([types(other), types(again)]).toEqual([['connack', 'disconnect'], ['connack']]);
  });
});

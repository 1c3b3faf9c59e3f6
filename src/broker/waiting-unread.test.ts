import { describe, expect, it } from 'vitest';
import { EMPTY_PROPERTIES, encodePacket } from '../codec/index.ts';
import { fakeBroker } from './testing/fake-broker.ts';
import { FakeDevice, settled } from './testing/fake-device.ts';
import { KEPT_BYTES } from './waiting-unread.ts';

const PING = Buffer.of(0xc0, 0);
const KEEP_ALIVE_S = 5;
const kept = { clean: false } as const;
const will = {
  topic: 'will',
  qos: 0,
  retain: false,
  payload: Buffer.from('gone'),
  properties: EMPTY_PROPERTIES,
} as const;

/** A broker whose disk is low, somebody who is away and wants all of `t`, and a client that publishes there. */
async function held(version: 4 | 5 = 5) {
  const all = fakeBroker();
  const away = await FakeDevice.connected(all.broker, { ...kept, clientId: 'away' });
  away.subscribe('t', 1);
  await settled();
  away.drop();
  const reader = await FakeDevice.connected(all.broker, { clientId: 'reader' });
  reader.subscribe('will', 0);
  const device = await FakeDevice.connected(all.broker, { version, clientId: 'w', keepAlive: KEEP_ALIVE_S, will });
  all.broker.diskIsLow(true);
  return { ...all, reader, device };
}

const names = (device: FakeDevice): string[] => device.received.slice(1).map(({ type }) => type);

function bytesOf(payload: string | Buffer, packetId: number): Buffer {
  const rest = { retain: false, dup: false, properties: EMPTY_PROPERTIES };
  const packet = { type: 'publish', topic: 't', payload: Buffer.from(payload), qos: 1, packetId, ...rest } as const;
  return encodePacket(packet, 5);
}

describe('who waits for room', () => {
  it.each([4, 5] as const)(
    'is answered its PINGREQs, and keeps its connection (version %i) [MQTT-3.12.4-1]',
    async (version) => {
      const { broker, device, wait } = await held(version);
      device.publish('t', 'first', 1, 1);
      for (let n = 0; n < 10; n++) {
        wait(KEEP_ALIVE_S * 900);
        device.sendBytes(PING);
        await settled();
        expect([device.closed, names(device)]).toEqual([false, Array(n + 1).fill('pingresp')]);
      }
      broker.diskIsLow(false);
      await settled();
      expect(names(device).slice(10)).toEqual(['puback']); // and none is answered twice
    },
  );

  it('is answered however its bytes come, and all else keeps its order', async () => {
    const { broker, device } = await held();
    const subscribe = { filter: 't', qos: 1, noLocal: false, retainAsPublished: false, retainHandling: 0 } as const;
    const bytes = Buffer.concat([
      bytesOf('first', 1),
      PING,
      encodePacket({ type: 'subscribe', packetId: 9, properties: EMPTY_PROPERTIES, subscriptions: [subscribe] }, 5),
      PING,
      PING,
      bytesOf(PING, 2), // what looks like one within a payload is none
      PING,
    ]);
    for (let cut = 1; cut < bytes.length; cut++) {
      const before = device.received.length;
      device.sendBytes(bytes.subarray(0, cut));
      await settled();
      device.sendBytes(bytes.subarray(cut));
      await settled();
      const came = device.received.slice(before);
      expect(came.map(({ type }) => type)).toEqual(Array(4).fill('pingresp'));
      broker.diskIsLow(false);
      await settled();
      const after = device.received.slice(before + 4);
      expect(after.map(({ type }) => type).sort()).toEqual(['puback', 'puback', 'publish', 'suback']);
      expect(after.flatMap((packet) => (packet.type === 'puback' ? packet.packetId : []))).toEqual([1, 2]);
      for (const packet of after) if (packet.type === 'publish') device.puback(packet.packetId);
      device.send({ type: 'unsubscribe', packetId: 8, properties: EMPTY_PROPERTIES, filters: ['t'] });
      await settled();
      broker.diskIsLow(true);
    }
  });

  it('is cut for no silence of its own: some clients do not ping while they wait for an acknowledgement', async () => {
    const { broker, device, wait } = await held();
    device.publish('t', 'first', 1, 1);
    for (let n = 0; n < 10; n++) wait(KEEP_ALIVE_S * 1000);
    expect(device.closed).toBe(false);
    broker.diskIsLow(false);
    await settled();
    expect(names(device)).toEqual(['puback']);
    wait(KEEP_ALIVE_S * 1500 + 500);
    expect(device.closed).toBe(true); // from then on its time counts again
  });

  it('has many PINGREQs in one read, and each is answered', async () => {
    const { broker, device } = await held();
    device.sendBytes(Buffer.concat([bytesOf('a', 1), ...Array(10_000).fill(PING), bytesOf('b', 2), PING, PING]));
    await settled();
    expect([device.of('pingresp').length, device.paused]).toEqual([10_002, false]);
    broker.diskIsLow(false);
    await settled();
    expect([device.of('pingresp').length, device.of('puback').length]).toEqual([10_002, 2]);
  });

  it('is not read any more when so much of it is kept, and reading goes on by itself', async () => {
    const { broker, device } = await held();
    let sent = 0;
    while (!device.paused && sent < 1000) {
      sent += 1;
      device.sendBytes(bytesOf('x'.repeat(1000), sent));
    }
    expect(sent).toBeGreaterThan(KEPT_BYTES / 1100);
    expect(sent).toBeLessThan(KEPT_BYTES / 1000 + 2);
    expect(device.connection.core.keptUnreadBytes).toBeGreaterThan(KEPT_BYTES);
    broker.diskIsLow(false);
    await settled();
    expect(device.connection.core.keptUnreadBytes).toBe(0);
    expect([device.of('puback').length, device.paused]).toEqual([sent, false]);
  });

  it('has a large message of its own in front, and is listened to all the same', async () => {
    const { device } = await held();
    device.sendBytes(bytesOf('x'.repeat(3 * KEPT_BYTES), 1));
    device.sendBytes(PING);
    await settled();
    expect([device.paused, names(device)]).toEqual([false, ['pingresp']]);
  });

  it('says good-bye behind what waits: both count, in their order', async () => {
    const { broker, reader, device } = await held();
    device.sendBytes(Buffer.concat([bytesOf('last', 1), Buffer.of(0xe0, 0)]));
    expect(device.paused).toBe(true); // nothing comes behind it
    broker.diskIsLow(false);
    await settled();
    expect(device.closed).toBe(true);
    expect(broker.stats().queued).toBe(1);
    expect(reader.payloads).toEqual([]);
  });

  it.each([
    ['loses its connection', (device: FakeDevice) => device.drop()],
    ['comes back', (_: FakeDevice, again: () => unknown) => void again()],
  ])('says good-bye and %s before there is room: its will is not published [MQTT-3.14.4-3]', async (_, end) => {
    const { broker, reader, device } = await held();
    device.sendBytes(Buffer.concat([bytesOf('last', 1), PING, Buffer.of(0xe0, 0)]));
    end(device, () => FakeDevice.connected(broker, { clientId: 'w' }));
    await settled();
    expect([device.closed, reader.payloads, broker.stats().publishersWaiting]).toEqual([true, [], 0]);
    expect(device.connection.core.keptUnreadBytes).toBe(0);
  });

  it('is gone without a word: its will is published', async () => {
    const { reader, device } = await held();
    device.publish('t', 'last', 1, 1);
    device.drop();
    await settled();
    expect(reader.payloads).toEqual(['gone']);
  });

  it('sends nothing more after a good-bye: what it sent before is read first', async () => {
    const { broker, device, reader } = await held();
    device.sendBytes(Buffer.concat([bytesOf('last', 1), Buffer.of(0xe0, 0)]));
    device.connection.ended(() => device.drop());
    await settled();
    expect(device.closed).toBe(false);
    broker.diskIsLow(false);
    await settled();
    expect([device.closed, broker.stats().queued, reader.payloads]).toEqual([true, 1, []]);
  });

  it('sends nothing more and has a will: that tells of it at once [MQTT-3.1.2-8]', async () => {
    const { reader, device } = await held();
    device.publish('t', 'last', 1, 1);
    device.connection.ended(() => device.drop());
    await settled();
    expect([device.closed, reader.payloads]).toEqual([true, ['gone']]);
  });

  it('is one of many that are gone: no more than a tenth of all connections are waited for', async () => {
    const { broker } = fakeBroker({ limits: { maxConnections: 50 } });
    const away = await FakeDevice.connected(broker, { ...kept, clientId: 'away' });
    away.subscribe('t', 1);
    await settled();
    away.drop();
    broker.diskIsLow(true);
    const gone: FakeDevice[] = [];
    for (let n = 0; n < 60; n++) {
      const device = await FakeDevice.connected(broker, { clientId: `once${n}` });
      device.publish('t', String(n), 1, 1);
      device.connection.ended(() => device.drop());
      gone.push(device);
    }
    await settled();
    expect(gone.filter(({ closed }) => !closed)).toHaveLength(5);
    broker.diskIsLow(false);
    await settled();
    expect([broker.stats().queued, gone.every(({ closed }) => closed)]).toEqual([5, true]);
    expect(gone[0]?.connection.core.lingering).toBe(0);
  });

  it('for the recorder alone is answered too', async () => {
    const { broker } = fakeBroker();
    let crowded = true;
    let room = (): void => {};
    const onRoom = (listener: () => void): void => {
      room = listener;
    };
    broker.record({ offer: () => true, crowded: () => crowded, nearlyFull: () => true, onRoom });
    const device = await FakeDevice.connected(broker, { clientId: 'w' });
    for (const payload of ['a', 'b']) device.publish('t', payload, 0);
    device.sendBytes(PING);
    await settled();
    expect([names(device), broker.stats().messagesIn]).toEqual([['pingresp'], 1]);
    crowded = false;
    room();
    await settled();
    expect(broker.stats()).toMatchObject({ messagesIn: 2, publishersWaiting: 0 });
  });

  it('for the recorder is not done by who publishes little, until the room for those is used too', async () => {
    const { broker } = fakeBroker();
    let [crowded, full] = [true, false];
    let room = (): void => {};
    const onRoom = (listener: () => void): void => {
      room = listener;
    };
    broker.record({ offer: () => true, crowded: () => crowded, nearlyFull: () => full, onRoom });
    const light = await FakeDevice.connected(broker, { clientId: 'light' });
    const heavy = await FakeDevice.connected(broker, { clientId: 'heavy' });
    const waiting = (): number => broker.stats().publishersWaiting;
    for (let n = 0; n < 50; n++) light.publish('t', '22.5', 0);
    for (let n = 0; n < 9; n++) heavy.publish('t', 'x'.repeat(1000), 0);
    await settled();
    expect([waiting(), broker.stats().messagesIn]).toEqual([1, 59]);
    full = true;
    light.publish('t', '22.5', 0);
    await settled();
    expect(waiting()).toBe(2);
    [crowded, full] = [false, false];
    room();
    await settled();
    expect(waiting()).toBe(0);
    // What was published before does not count the next time.
    crowded = true;
    for (let n = 0; n < 8; n++) heavy.publish('t', 'x'.repeat(1000), 0);
    await settled();
    expect(waiting()).toBe(0);
  });
});

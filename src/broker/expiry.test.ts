import { describe, expect, it } from 'vitest';
import type { Properties } from '../codec/index.ts';
import { fakeBroker } from './testing/fake-broker.ts';
import { FakeDevice, settled } from './testing/fake-device.ts';

const five = { version: 5 as const };
const kept = { ...five, clientId: 'kept', clean: false, properties: { sessionExpiryInterval: 3600 } };

/** Publishes from a device of 5.0 with an interval in seconds, or none. */
function send(from: FakeDevice, payload: string, intervalS: number | null, more: Partial<Publish> = {}): void {
  const properties: Properties = {
    ...more.properties,
    ...(intervalS === null ? {} : { messageExpiryInterval: intervalS }),
  };
  const qos = more.qos ?? 1;
  from.send({
    type: 'publish',
    topic: 't',
    payload: Buffer.from(payload),
    retain: false,
    dup: false,
    packetId: qos === 0 ? -1 : 1,
    ...more,
    qos,
    properties,
  });
}
type Publish = { topic: string; qos: 0 | 1 | 2; retain: boolean; properties: Properties };

const seen = (device: FakeDevice) =>
  device.of('publish').map(({ payload, properties }) => [payload.toString(), properties.messageExpiryInterval]);

describe('a message that waits for a client that is away', () => {
  async function away() {
    const fake = fakeBroker();
    const first = await FakeDevice.connected(fake.broker, kept);
    first.subscribe('t', 2);
    first.drop();
    const from = await FakeDevice.connected(fake.broker, { ...five, clientId: 'from' });
    const queued = () => fake.broker.clients('default').find(({ clientId }) => clientId === 'kept');
    return { ...fake, from, queued };
  }

  it('is not sent beyond its interval, and what is sent says what is left of it [MQTT-3.3.2-5] [MQTT-3.3.2-6]', async () => {
    const { broker, clock, from, queued } = await away();
    send(from, 'short', 2);
    send(from, 'long', 6);
    send(from, 'long with more', 7, { qos: 2, properties: { payloadFormatIndicator: 1, contentType: 'x' } });
    send(from, 'for ever', null);
    clock.advance(2300);
    const back = await FakeDevice.connected(broker, kept);
    await settled();
    expect(seen(back)).toEqual([
      ['long', 4],
      ['long with more', 5],
      ['for ever', undefined],
    ]);
    expect(back.of('publish')[1]?.properties).toMatchObject({ payloadFormatIndicator: 1, contentType: 'x' });
    expect(queued()).toMatchObject({ expired: 1, queued: 0, dropped: 0 });
    expect(broker.stats().messagesExpired).toBe(1);
  });

  it('leaves the queue while the client stays away, and makes room there', async () => {
    const { broker, wait, from, queued } = await away();
    for (let n = 0; n < 2500; n++) send(from, `${n}`, n % 2 === 0 ? 5 : null, { qos: 1 });
    send(from, 'later', 600);
    await settled();
    expect(queued()?.queued).toBe(2501);
    for (let ticks = 0; ticks < 15; ticks++) {
      wait(500);
      await settled();
    }
    expect(queued()).toMatchObject({ queued: 1251, expired: 1250 });
    wait(600_000);
    await settled();
    wait(500);
    await settled();
    wait(500);
    await settled();
    expect(queued()).toMatchObject({ queued: 1250, expired: 1251 });
    const back = await FakeDevice.connected(broker, kept);
    await settled();
    expect(back.payloads.slice(0, 2)).toEqual(['1', '3']);
  });

  it('is no longer in the way of others in a full queue', async () => {
    const { broker, wait } = fakeBroker({ limits: { maxQueuedMessages: 10 } });
    const first = await FakeDevice.connected(broker, kept);
    first.subscribe('t', 1);
    first.drop();
    const from = await FakeDevice.connected(broker, { ...five, clientId: 'from' });
    for (let n = 0; n < 11; n++) send(from, 'old', 1);
    wait(1500);
    await settled();
    send(from, 'new', null);
    const back = await FakeDevice.connected(broker, kept);
    await settled();
    expect(back.payloads).toEqual(['new']);
  });

  it('goes by the monotonic clock', async () => {
    const { broker, clock, from } = await away();
    send(from, 'stays', 10);
    clock.stepWall(3_600_000);
    clock.advance(1000);
    const back = await FakeDevice.connected(broker, kept);
    await settled();
    expect(seen(back)).toEqual([['stays', 9]]);
  });

  it.each([1, 2] as const)(
    'is sent again at QoS %i also when it expired in flight: its delivery had begun [MQTT-4.4.0-1, MQTT-4.3.3-7]',
    async (qos) => {
      const { broker, clock, from } = await away();
      send(from, 'begun', 3, { qos });
      const back = await FakeDevice.connected(broker, kept);
      await settled();
      back.drop();
      clock.advance(60_000);
      broker.tick();
      await settled();
      const again = await FakeDevice.connected(broker, kept);
      await settled();
      expect(again.of('publish')).toMatchObject([{ dup: true, qos, properties: { messageExpiryInterval: 0 } }]);
    },
  );

  it('ends its exchange with its publisher also when it expired meanwhile [MQTT-4.3.3-13]', async () => {
    const { broker, wait, from } = await away();
    send(from, 'gone', 1, { qos: 2 });
    await settled();
    wait(5000);
    await settled();
    expect(broker.stats().messagesExpired).toBe(1);
    from.send({ type: 'pubrel', packetId: 1, reason: 0, properties: {} });
    await settled();
    expect(from.of('pubcomp')).toMatchObject([{ packetId: 1, reason: 0 }]);
  });
});

describe('a message that waits for the window of a connected client', () => {
  it('is not sent beyond its interval [MQTT-3.3.2-5]', async () => {
    const { broker, wait } = fakeBroker();
    const slow = await FakeDevice.connected(broker, { ...five, clientId: 'slow', properties: { receiveMaximum: 1 } });
    slow.subscribe('t', 1);
    const from = await FakeDevice.connected(broker, { ...five, clientId: 'from' });
    for (const [payload, interval] of [
      ['a', 1],
      ['b', 1],
      ['c', 9],
    ] as const)
      send(from, payload, interval);
    await settled();
    wait(1500);
    await settled();
    slow.puback(slow.of('publish')[0]?.packetId as number);
    await settled();
    expect(seen(slow)).toEqual([
      ['a', 1],
      ['c', 8],
    ]);
    expect(broker.clients('default').find(({ clientId }) => clientId === 'slow')).toMatchObject({
      expired: 1,
      queued: 0,
    });
  });
});

describe('a message for who is connected', () => {
  it('takes its interval along unchanged', async () => {
    const { broker } = fakeBroker();
    const to = await FakeDevice.connected(broker, { ...five, clientId: 'to' });
    to.subscribe('t', 2);
    const from = await FakeDevice.connected(broker, { ...five, clientId: 'from' });
    for (const qos of [0, 1, 2] as const) send(from, `${qos}`, 0xffff_ffff, { qos });
    await settled();
    expect(seen(to)).toEqual(['0', '1', '2'].map((each) => [each, 0xffff_ffff]));
  });
});

describe('a retained message', () => {
  async function retained(intervalS: number | null) {
    const fake = fakeBroker();
    const from = await FakeDevice.connected(fake.broker, { ...five, clientId: 'from' });
    send(from, 'kept', intervalS, { retain: true });
    const read = async () => {
      const to = await FakeDevice.connected(fake.broker, { ...five, clientId: 'to' });
      to.subscribe('#', 1);
      await settled();
      return seen(to);
    };
    return { ...fake, from, read };
  }

  it('says to new subscribers what is left of its interval, and is gone beyond it [MQTT-3.3.2-5] [MQTT-3.3.2-6]', async () => {
    const { broker, clock, read } = await retained(5);
    clock.advance(3000);
    expect(await read()).toEqual([['kept', 2]]);
    clock.advance(2000);
    expect(await read()).toEqual([]);
    expect(broker.stats()).toMatchObject({ retained: 0, retainedBytes: 0, messagesExpired: 1 });
  });

  it('is removed also when nobody asks for it', async () => {
    const { broker, wait, from } = await retained(5);
    send(from, 'other', 60, { retain: true, topic: 'other' });
    wait(5000);
    expect(broker.stats()).toMatchObject({ retained: 1, messagesExpired: 1 });
  });

  it('that replaces another has its own time', async () => {
    const { broker, wait, from, read } = await retained(5);
    send(from, 'new', null, { retain: true });
    wait(60_000);
    wait(500);
    expect(await read()).toEqual([['new', undefined]]);
    send(from, '', null, { retain: true });
    expect(broker.stats()).toMatchObject({ retained: 0, messagesExpired: 0 });
  });
});

describe('a will', () => {
  it('begins to expire when it is published (3.1.3.2.4)', async () => {
    const { broker, wait } = fakeBroker();
    const mortal = await FakeDevice.connected(broker, {
      ...five,
      clientId: 'mortal',
      will: {
        topic: 't',
        payload: Buffer.from('gone'),
        qos: 1,
        retain: true,
        properties: { messageExpiryInterval: 4 },
      },
    });
    wait(60_000);
    mortal.drop();
    wait(1500);
    const to = await FakeDevice.connected(broker, { ...five, clientId: 'to' });
    to.subscribe('t', 1);
    await settled();
    expect(seen(to)).toEqual([['gone', 3]]);
  });
});

import { describe, expect, it } from 'vitest';
import { ALL_TOPICS } from '../../access/index.ts';
import { EMPTY_PROPERTIES } from '../../codec/index.ts';
import { createMemoryStore, type Store } from '../../store/index.ts';
import type { Broker } from '../index.ts';
import { type FakeBroker, fakeBroker, openDoor } from '../testing/fake-broker.ts';
import { FakeDevice, settled } from '../testing/fake-device.ts';

/** A broker on a store that an earlier one has left as it was: that one was killed. */
async function restarted(store: Store, options: Parameters<typeof fakeBroker>[0] = {}): Promise<FakeBroker> {
  const fake = fakeBroker({ store, ...options });
  await fake.broker.restore();
  return fake;
}

const kept = { clientId: 'kept', clean: false };

/** Subscribed to `t`, QoS 2, and away. */
async function away(broker: Broker): Promise<void> {
  const device = await FakeDevice.connected(broker, kept);
  device.subscribe('t', 2);
  await settled();
  device.drop();
}

async function published(broker: Broker, payloads: string[], qos: 1 | 2 = 1): Promise<void> {
  const writer = await FakeDevice.connected(broker, { clientId: 'writer' });
  for (const [i, payload] of payloads.entries()) writer.publish('t', payload, qos, i + 1);
  await settled();
  expect(writer.of(qos === 1 ? 'puback' : 'pubrec')).toHaveLength(payloads.length);
  writer.drop();
}

const info = (broker: Broker) => broker.clients('default').find(({ clientId }) => clientId === 'kept');

describe('a session, when the process was killed', () => {
  it('is there with its subscriptions and what waits for it, in order [MQTT-3.1.2-4] [MQTT-4.1.0-1]', async () => {
    const store = createMemoryStore();
    const { broker } = await restarted(store);
    await away(broker);
    await published(broker, ['1', '2', '3']);
    const after = await restarted(store);
    expect(info(after.broker)).toMatchObject({ queued: 3, subscriptions: [{ filter: 't', qos: 2 }] });
    await published(after.broker, ['4']);
    const device = await FakeDevice.connected(after.broker, kept);
    await settled();
    expect(device.of('connack')[0]).toMatchObject({ sessionPresent: true });
    expect(device.payloads).toEqual(['1', '2', '3', '4']);
    for (const { packetId } of device.of('publish')) device.puback(packetId);
    await settled();
    expect(info(after.broker)).toMatchObject({ queued: 0, inFlight: 0 });
    expect(after.broker.stats().queued).toBe(0);
  });

  it('has the bytes of its filters counted as before', async () => {
    const store = createMemoryStore();
    const { broker } = await restarted(store);
    await away(broker);
    const after = await restarted(store, { limits: { maxSubscriptionBytesPerSession: 2 * 201 } });
    const device = await FakeDevice.connected(after.broker, kept);
    for (const filter of ['u', 'v']) device.subscribe(filter, 1);
    await settled();
    expect(device.of('suback').map(({ reasons }) => reasons)).toEqual([[1], [0x80]]);
  });

  it('gets what was in flight again under the same identifiers, marked as such [MQTT-4.4.0-1] [MQTT-3.3.1-1]', async () => {
    const store = createMemoryStore();
    const { broker } = await restarted(store);
    const before = await FakeDevice.connected(broker, kept);
    before.subscribe('t', 2);
    await published(broker, ['a', 'b', 'c', 'd'], 1);
    await published(broker, ['x', 'y', 'z'], 2);
    const first = before.of('publish').map(({ packetId, payload, qos }) => [packetId, payload.toString(), qos]);
    before.puback(first[1]?.[0] as number);
    for (const payload of ['x', 'y']) {
      const packetId = first.find(([, text]) => text === payload)?.[0] as number;
      before.send({ type: 'pubrec', packetId, reason: 0, properties: EMPTY_PROPERTIES });
      if (payload === 'x') before.send({ type: 'pubcomp', packetId, reason: 0, properties: EMPTY_PROPERTIES });
    }
    await settled();
    const after = await restarted(store);
    await published(after.broker, ['new']);
    const device = await FakeDevice.connected(after.broker, kept);
    await settled();
    const again = device.of('publish').map(({ packetId, payload, qos }) => [packetId, payload.toString(), qos]);
    expect(again.slice(0, 4)).toEqual(first.filter(([, text]) => ['a', 'c', 'd', 'z'].includes(text as string)));
    expect(device.of('publish').map(({ dup }) => dup)).toEqual([true, true, true, true, false]);
    expect(device.payloads.at(-1)).toBe('new');
    // The message is with the receiver: only the release is owed.
    expect(device.of('pubrel').map(({ packetId }) => packetId)).toEqual([first.find(([, text]) => text === 'y')?.[0]]);
  });

  it('takes a QoS 2 message once that came before, and lets it end [MQTT-4.3.3-10] [MQTT-4.3.3-12]', async () => {
    const store = createMemoryStore();
    const { broker } = await restarted(store);
    await away(broker);
    const sender = { clientId: 'sender', clean: false };
    const writer = await FakeDevice.connected(broker, sender);
    writer.publish('t', 'once', 2, 7);
    writer.publish('t', 'done', 2, 8);
    await settled();
    writer.send({ type: 'pubrel', packetId: 8, reason: 0, properties: EMPTY_PROPERTIES });
    await settled();
    const after = await restarted(store);
    const again = await FakeDevice.connected(after.broker, sender);
    again.publish('t', 'once', 2, 7);
    again.publish('t', 'another', 2, 8);
    await settled();
    expect(again.of('pubrec').map(({ packetId }) => packetId)).toEqual([7, 8]);
    again.send({ type: 'pubrel', packetId: 7, reason: 0, properties: EMPTY_PROPERTIES });
    await settled();
    expect(again.of('pubcomp').map(({ packetId, reason }) => [packetId, reason])).toEqual([[7, 0]]);
    const device = await FakeDevice.connected(after.broker, kept);
    await settled();
    expect(device.payloads).toEqual(['once', 'done', 'another']);
  });

  it('is gone when it was to end with its connection, or has been away too long [MQTT-3.1.2-23]', async () => {
    const store = createMemoryStore();
    const { broker } = await restarted(store);
    const five = { version: 5, clean: false } as const;
    await FakeDevice.connected(broker, { ...five, clientId: 'short', properties: { sessionExpiryInterval: 10 } });
    await FakeDevice.connected(broker, { ...five, clientId: 'long', properties: { sessionExpiryInterval: 1000 } });
    await FakeDevice.connected(broker, { ...five, clientId: 'clean' });
    const after = await restarted(store);
    const ids = () => after.broker.clients('default').map(({ clientId }) => clientId);
    expect(ids()).toEqual(['short', 'long']);
    after.wait(11_000);
    expect(ids()).toEqual(['long']);
    expect((await restarted(store)).broker.clients('default')).toHaveLength(1);
  });

  it('keeps counting the time that it is away by the wall clock', async () => {
    const store = createMemoryStore();
    const before = await restarted(store);
    const five = { version: 5, clean: false, clientId: 'kept' } as const;
    (await FakeDevice.connected(before.broker, { ...five, properties: { sessionExpiryInterval: 100 } })).drop();
    before.clock.advance(0);
    const after = fakeBroker({ store });
    after.clock.advance(60_000); // it was down for a minute
    await after.broker.restore();
    after.wait(39_000);
    expect(info(after.broker)).toBeDefined();
    after.wait(2000);
    expect(info(after.broker)).toBeUndefined();
  });

  it('of somebody who is not known any more gets nothing, and waits for him', async () => {
    const store = createMemoryStore();
    const { broker } = await restarted(store);
    await away(broker);
    await published(broker, ['1']);
    let known = false;
    const access = { ...openDoor, principalOf: () => (known ? principal : null) };
    const principal = { name: 'anonymous', kind: 'anonymous', world: 'default', rules: ALL_TOPICS } as const;
    const without = await restarted(store, { access });
    await published(without.broker, ['not for him']);
    expect(info(without.broker)).toMatchObject({ queued: 1 });
    known = true;
    const again = await restarted(store, { access });
    const device = await FakeDevice.connected(again.broker, kept);
    await settled();
    expect(device.payloads).toEqual(['1']);
  });
});

describe('a will, when the process was killed', () => {
  const will = (delayS: number) => ({
    topic: 't',
    payload: Buffer.from('gone'),
    qos: 1 as const,
    retain: false,
    properties: delayS > 0 ? { willDelayInterval: delayS } : {},
  });
  const session = { version: 5, clean: false, properties: { sessionExpiryInterval: 600 } } as const;

  it('is published when its delay is over, whether its client was there or away [MQTT-3.1.2-8] [MQTT-3.1.3-9]', async () => {
    const store = createMemoryStore();
    const before = await restarted(store);
    await away(before.broker);
    await FakeDevice.connected(before.broker, { ...session, clientId: 'there', will: will(0) });
    const left = await FakeDevice.connected(before.broker, { ...session, clientId: 'away', will: will(30) });
    const back = await FakeDevice.connected(before.broker, { ...session, clientId: 'back', will: will(30) });
    left.drop();
    back.drop();
    const after = await restarted(store);
    after.wait(0);
    const device = await FakeDevice.connected(after.broker, kept);
    await settled();
    expect(device.payloads).toEqual(['gone']);
    await FakeDevice.connected(after.broker, { ...session, clientId: 'back' });
    after.wait(31_000);
    await settled();
    expect(device.payloads).toEqual(['gone', 'gone']);
    const last = await restarted(store);
    last.wait(60_000);
    await settled();
    expect(info(last.broker)).toMatchObject({ queued: 0, inFlight: 2 });
  });
});

describe('a retained message, when the process was killed', () => {
  it('is there with its properties, less what has expired, and not when it was removed [MQTT-3.3.1-5]', async () => {
    const store = createMemoryStore();
    const before = await restarted(store);
    const writer = await FakeDevice.connected(before.broker, { version: 5, clientId: 'writer' });
    const publish = (topic: string, payload: string, properties = {}, qos: 0 | 1 = 1) =>
      writer.send({
        type: 'publish',
        topic,
        payload: Buffer.from(payload),
        qos,
        retain: true,
        dup: false,
        packetId: qos === 0 ? -1 : 1,
        properties,
      });
    publish('a', 'first');
    publish('a', 'last', { contentType: 'text/plain' });
    publish('b', 'removed');
    publish('b', '');
    publish('c', 'expires', { messageExpiryInterval: 5 });
    publish('d', 'stays', { messageExpiryInterval: 100 }, 0);
    await settled();
    const after = fakeBroker({ store });
    after.clock.advance(10_000);
    await after.broker.restore();
    expect(after.broker.stats().retained).toBe(2);
    const device = await FakeDevice.connected(after.broker, { version: 5 });
    device.subscribe('#', 1);
    await settled();
    const got = device.of('publish').map(({ topic, payload, properties }) => [topic, payload.toString(), properties]);
    expect(got).toEqual([
      ['a', 'last', { contentType: 'text/plain' }],
      ['d', 'stays', { messageExpiryInterval: 90 }],
    ]);
  });
});

describe('a shared subscription, when the process was killed', () => {
  it('gives what its members had to them again, and what waits to whoever comes [MQTT-4.8.2-5]', async () => {
    const store = createMemoryStore();
    const before = await restarted(store);
    const five = { version: 5, clean: false, properties: { sessionExpiryInterval: 100, receiveMaximum: 1 } } as const;
    for (const clientId of ['one', 'two']) {
      (await FakeDevice.connected(before.broker, { ...five, clientId })).subscribe('$share/g/t', 2);
    }
    await published(before.broker, ['1', '2', '3', '4'], 2);
    const after = await restarted(store);
    const two = await FakeDevice.connected(after.broker, { ...five, clientId: 'two' });
    await settled();
    expect(two.payloads).toEqual(['2']);
    expect(two.of('publish')[0]?.dup).toBe(true);
    // The first member does not come back: what it may have is not given to another [MQTT-4.8.2-5].
    after.wait(101_000);
    for (const payload of ['2', '3', '4']) {
      await settled();
      const packetId = two.of('publish').find((packet) => packet.payload.toString() === payload)?.packetId as number;
      two.send({ type: 'pubrec', packetId, reason: 0, properties: EMPTY_PROPERTIES });
      await settled();
      two.send({ type: 'pubcomp', packetId, reason: 0, properties: EMPTY_PROPERTIES });
    }
    await settled();
    expect(two.payloads).toEqual(['2', '3', '4']);
    expect(after.broker.stats().queued).toBe(0);
  });

  it('gives a QoS 1 message of a member that never comes back to another, before newer ones', async () => {
    const store = createMemoryStore();
    const before = await restarted(store);
    const five = { version: 5, clean: false, properties: { sessionExpiryInterval: 100, receiveMaximum: 1 } } as const;
    for (const clientId of ['one', 'two']) {
      (await FakeDevice.connected(before.broker, { ...five, clientId })).subscribe('$share/g/t', 1);
    }
    await published(before.broker, ['1', '2', '3']);
    const after = await restarted(store);
    after.wait(50_000);
    const two = await FakeDevice.connected(after.broker, { ...five, clientId: 'two' });
    await settled();
    after.wait(51_000);
    for (let round = 0; round < 3; round++) {
      await settled();
      two.puback(two.of('publish').at(-1)?.packetId as number);
    }
    await settled();
    expect(two.payloads).toEqual(['2', '1', '3']);
    expect(after.broker.stats().queued).toBe(0);
  });
});

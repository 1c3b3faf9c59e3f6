import { describe, expect, it } from 'vitest';
import type { Access } from '../access/index.ts';
import { EMPTY_PROPERTIES, Reason } from '../codec/index.ts';
import { fakeBroker, principalOf } from './testing/fake-broker.ts';
import { FakeDevice, settled } from './testing/fake-device.ts';

const five = { version: 5 as const };
const kept = { clean: false, clientId: 'kept' };

describe('a connection', () => {
  it('with an empty client id gets one of its own, said in MQTT 5', async () => {
    const { broker } = fakeBroker();
    const old = await FakeDevice.connected(broker, { clientId: '' });
    const young = await FakeDevice.connected(broker, { ...five, clientId: '' });
    expect(old.of('connack')[0]?.reason).toBe(0);
    expect(young.of('connack')[0]?.properties.assignedClientIdentifier).toMatch(/^auto-/);
    expect(new Set(broker.clients('default').map(({ clientId }) => clientId)).size).toBe(2);
  });

  it.each([
    [4, false],
    [3, true],
  ] as const)('of level %d with an empty client id and clean %s is refused with code 2', async (version, clean) => {
    const { broker } = fakeBroker();
    const device = await FakeDevice.connected(broker, { version, clientId: '', clean });
    expect(device.of('connack')[0]?.reason).toBe(Reason.clientIdentifierNotValid);
    expect(device.closed).toBe(true);
  });

  it('takes its session over from an older one, whose will is published', async () => {
    const { broker } = fakeBroker();
    const watcher = await FakeDevice.connected(broker, { clientId: 'watcher' });
    watcher.subscribe('will');
    const will = { topic: 'will', payload: Buffer.from('gone'), qos: 0 as const, retain: false, properties: {} };
    const first = await FakeDevice.connected(broker, { ...five, ...kept, will });
    const second = await FakeDevice.connected(broker, { ...five, ...kept });
    expect(first.closed).toBe(true);
    expect(first.of('disconnect')[0]?.reason).toBe(Reason.sessionTakenOver);
    expect(second.closed).toBe(false);
    expect(watcher.payloads).toEqual(['gone']);
  });

  it('pipelines packets before CONNACK, also while the sign-in takes its time', async () => {
    let letIn: () => void = () => {};
    const access: Access = {
      authenticate: () =>
        new Promise((resolve) => {
          letIn = () => resolve({ ok: true, principal: principalOf('default') });
        }),
      onRevoked: () => {},
    };
    const { broker } = fakeBroker({ access });
    const device = new FakeDevice(broker);
    device.connect();
    device.subscribe('t');
    device.publish('t', 'early', 1, 5);
    await settled();
    expect(device.received).toEqual([]);
    expect(device.paused).toBe(true);
    letIn();
    await settled();
    expect(device.received.map(({ type }) => type)).toEqual(['connack', 'suback', 'publish', 'puback']);
    expect(device.paused).toBe(false);
  });

  it('that is refused says so in its own version and ends', async () => {
    const access: Access = {
      authenticate: () => ({ ok: false, reason: 'bad-credentials', detail: 'test' }),
      onRevoked: () => {},
    };
    const { broker, lines } = fakeBroker({ access });
    for (const version of [3, 4, 5] as const) {
      const device = await FakeDevice.connected(broker, { version });
      expect(device.of('connack')[0]?.reason).toBe(Reason.badUserNameOrPassword);
      expect(device.closed).toBe(true);
    }
    expect(lines.filter(({ level }) => level === 'warn')).toHaveLength(3);
  });

  it('is closed after one and a half times its keep-alive, and never with keep-alive 0', async () => {
    const { broker, wait } = fakeBroker();
    const quiet = await FakeDevice.connected(broker, { ...five, clientId: 'quiet', keepAlive: 10 });
    const lively = await FakeDevice.connected(broker, { clientId: 'lively', keepAlive: 10 });
    const umqtt = await FakeDevice.connected(broker, { clientId: 'umqtt', keepAlive: 0 });
    wait(14_900);
    lively.send({ type: 'pingreq' });
    wait(200);
    await settled();
    expect(quiet.of('disconnect')[0]?.reason).toBe(Reason.keepAliveTimeout);
    expect([quiet.closed, lively.closed, umqtt.closed]).toEqual([true, false, false]);
    expect(lively.of('pingresp')).toHaveLength(1);
    wait(1e9);
    expect(umqtt.closed).toBe(false);
  });

  it('that sends no CONNECT in time is cut', () => {
    const { broker, wait } = fakeBroker();
    const device = new FakeDevice(broker);
    wait(9000);
    expect(device.closed).toBe(false);
    wait(2000);
    expect(device.closed).toBe(true);
  });

  it('is not expired by a step of the wall clock', async () => {
    const { broker, clock } = fakeBroker();
    const device = await FakeDevice.connected(broker, { keepAlive: 10 });
    clock.stepWall(3_600_000);
    broker.tick();
    expect(device.closed).toBe(false);
  });
});

describe('a will', () => {
  const will = { topic: 'will', payload: Buffer.from('gone'), qos: 1 as const, retain: true, properties: {} };

  it('is published when the connection drops, and not after DISCONNECT', async () => {
    const { broker } = fakeBroker();
    const watcher = await FakeDevice.connected(broker, { clientId: 'watcher' });
    watcher.subscribe('will', 1);
    const polite = await FakeDevice.connected(broker, { clientId: 'polite', will });
    polite.send({ type: 'disconnect', reason: 0, properties: EMPTY_PROPERTIES });
    await settled();
    expect(polite.closed).toBe(true);
    expect(watcher.payloads).toEqual([]);
    const rude = await FakeDevice.connected(broker, { clientId: 'rude', will });
    rude.drop();
    await settled();
    expect(watcher.payloads).toEqual(['gone']);
  });

  it('waits for its delay, and is not sent when the client is back in time', async () => {
    const { broker, wait } = fakeBroker();
    const watcher = await FakeDevice.connected(broker, { clientId: 'watcher' });
    watcher.subscribe('will', 1);
    const delayed = { ...will, properties: { willDelayInterval: 10 } };
    const options = { ...five, ...kept, will: delayed, properties: { sessionExpiryInterval: 100 } };
    (await FakeDevice.connected(broker, options)).drop();
    wait(9000);
    const back = await FakeDevice.connected(broker, options);
    wait(60_000);
    expect(watcher.payloads).toEqual([]);
    back.drop();
    wait(11_000);
    await settled();
    expect(watcher.payloads).toEqual(['gone']);
  });
});

describe('a persistent session', () => {
  it('keeps subscriptions and QoS 1 messages while it is away, in order', async () => {
    const { broker } = fakeBroker();
    const first = await FakeDevice.connected(broker, kept);
    first.subscribe('t', 1);
    first.drop();
    const writer = await FakeDevice.connected(broker, { clientId: 'w' });
    for (let i = 0; i < 700; i++) writer.publish('t', `m${i}`, i % 7 === 0 ? 0 : 1, i + 1);
    await settled();
    const again = await FakeDevice.connected(broker, kept);
    await settled();
    expect(again.of('connack')[0]?.sessionPresent).toBe(true);
    const expected = Array.from({ length: 700 }, (_, i) => `m${i}`).filter((_, i) => i % 7 !== 0);
    expect(again.payloads).toEqual(expected);
    writer.publish('t', 'live', 1, 60_000);
    await settled();
    expect(again.payloads.at(-1)).toBe('live');
  });

  it('sends again, marked DUP and with the same identifiers, what was not acknowledged', async () => {
    const { broker } = fakeBroker();
    const first = await FakeDevice.connected(broker, kept);
    first.subscribe('t', 2);
    const writer = await FakeDevice.connected(broker, { clientId: 'w' });
    for (let i = 1; i <= 4; i++) writer.publish('t', `m${i}`, i === 4 ? 2 : 1, i);
    await settled();
    const ids = first.of('publish').map(({ packetId }) => packetId);
    first.puback(ids[1] as number);
    first.send({ type: 'pubrec', packetId: ids[3] as number, reason: 0, properties: EMPTY_PROPERTIES });
    first.drop();
    const again = await FakeDevice.connected(broker, kept);
    await settled();
    expect(again.of('publish').map(({ packetId, dup }) => [packetId, dup])).toEqual([
      [ids[0], true],
      [ids[2], true],
    ]);
    expect(again.of('pubrel').map(({ packetId }) => packetId)).toEqual([ids[3]]);
  });

  it('keeps to the window while it catches up, and loses and doubles nothing', async () => {
    const { broker } = fakeBroker();
    const first = await FakeDevice.connected(broker, { ...five, ...kept, properties: { sessionExpiryInterval: 1000 } });
    first.subscribe('t', 1);
    first.drop();
    const writer = await FakeDevice.connected(broker, { clientId: 'w' });
    const publish = (from: number, to: number) => {
      for (let i = from; i < to; i++) writer.publish('t', `m${i}`, 1, i + 1);
    };
    publish(0, 300);
    const again = await FakeDevice.connected(broker, {
      ...five,
      ...kept,
      properties: { sessionExpiryInterval: 1000, receiveMaximum: 7 },
    });
    let acknowledged = 0;
    for (let round = 0; round < 500 && acknowledged < 400; round++) {
      await settled();
      if (round === 20) publish(300, 400);
      const publishes = again.of('publish');
      expect(publishes.length - acknowledged).toBeLessThanOrEqual(7);
      for (const { packetId } of publishes.slice(acknowledged)) again.puback(packetId);
      acknowledged = publishes.length;
    }
    expect(again.payloads).toEqual(Array.from({ length: 400 }, (_, i) => `m${i}`));
    expect(broker.clients('default').find(({ clientId }) => clientId === 'kept')?.queued).toBe(0);
  });

  it('is sent again what it did not acknowledge, also when it releases a message of its own with the same identifier [MQTT-4.4.0-1]', async () => {
    const { broker } = fakeBroker();
    const options = { ...five, ...kept, properties: { sessionExpiryInterval: 1000, receiveMaximum: 2 } };
    const first = await FakeDevice.connected(broker, options);
    first.subscribe('t', 1);
    for (const payload of ['one', 'two']) first.publish('t', payload, 1);
    await settled();
    const again = await FakeDevice.connected(broker, {
      ...options,
      properties: { ...options.properties, receiveMaximum: 1 },
    });
    expect(again.payloads).toEqual(['one']);
    const [one, two] = first.of('publish').map(({ packetId }) => packetId) as [number, number];
    again.send({ type: 'pubrel', packetId: two, reason: 0, properties: EMPTY_PROPERTIES });
    again.puback(one);
    await settled();
    expect(again.payloads).toEqual(['one', 'two']);
  });

  it('ends with its expiry, with a clean start, and belongs to who made it', async () => {
    const { broker, wait } = fakeBroker();
    const options = { ...five, ...kept, properties: { sessionExpiryInterval: 60 } };
    (await FakeDevice.connected(broker, options)).drop();
    wait(59_000);
    const back = await FakeDevice.connected(broker, options);
    expect(back.of('connack')[0]?.sessionPresent).toBe(true);
    back.drop();
    wait(61_000);
    expect(broker.clients('default')).toEqual([]);
    (await FakeDevice.connected(broker, options)).drop();
    const clean = await FakeDevice.connected(broker, { ...options, clean: true });
    expect(clean.of('connack')[0]?.sessionPresent).toBe(false);
  });

  it('is not given to somebody else who uses its client id', async () => {
    const access: Access = {
      authenticate: ({ username }) => ({ ok: true, principal: principalOf('default', username ?? 'nobody') }),
      onRevoked: () => {},
    };
    const { broker } = fakeBroker({ access });
    const owner = await FakeDevice.connected(broker, { ...kept, username: 'owner' });
    owner.subscribe('secret', 1);
    owner.drop();
    const writer = await FakeDevice.connected(broker, { clientId: 'w' });
    writer.publish('secret', 'x', 1);
    const thief = await FakeDevice.connected(broker, { ...kept, username: 'thief' });
    await settled();
    expect(thief.of('connack')[0]?.sessionPresent).toBe(false);
    expect(thief.payloads).toEqual([]);
  });

  it('takes no more than its bound; what waits stays', async () => {
    const { broker } = fakeBroker({ limits: { maxQueuedMessages: 10 } });
    const first = await FakeDevice.connected(broker, kept);
    first.subscribe('t', 1);
    first.drop();
    const writer = await FakeDevice.connected(broker, { clientId: 'w' });
    for (let i = 0; i < 25; i++) writer.publish('t', `m${i}`, 1, i + 1);
    await settled();
    const again = await FakeDevice.connected(broker, kept);
    await settled();
    expect(again.payloads).toEqual(Array.from({ length: 10 }, (_, i) => `m${i}`));
    expect(broker.clients('default').find(({ clientId }) => clientId === 'kept')?.dropped).toBe(15);
  });
});

describe('worlds', () => {
  it('keep topics, sessions and retained messages apart under one client id', async () => {
    const { broker } = fakeBroker({ worlds: ['one', 'two'] });
    const one = await FakeDevice.connected(broker, { clientId: 'same', username: 'one' });
    const two = await FakeDevice.connected(broker, { clientId: 'same', username: 'two' });
    expect([one.closed, two.closed]).toEqual([false, false]);
    one.subscribe('#', 1);
    two.subscribe('#', 1);
    one.publish('t', 'from one', 1, 1, true);
    two.publish('t', 'from two', 1, 1);
    await settled();
    expect(one.payloads).toEqual(['from one']);
    expect(two.payloads).toEqual(['from two']);
    two.subscribe('t');
    await settled();
    expect(two.payloads).toEqual(['from two']);
    expect(broker.clients('one').map(({ clientId }) => clientId)).toEqual(['same']);
  });
});

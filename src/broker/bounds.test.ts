import { describe, expect, it } from 'vitest';
import { nothingReached, type Reached } from '../base/index.ts';
import { EMPTY_PROPERTIES, Reason } from '../codec/index.ts';
import type { Broker, BrokerLimits } from './index.ts';
import { fakeBroker } from './testing/fake-broker.ts';
import { FakeDevice, settled } from './testing/fake-device.ts';

/** What was counted, without the zeroes. */
const counted = (reached: Reached) => Object.fromEntries(Object.entries(reached).filter(([, count]) => count > 0));

function bounded(limits: Partial<BrokerLimits>) {
  const reached = nothingReached();
  return { reached, ...fakeBroker({ limits, reached, worlds: ['default', 'other'] }) };
}

const inWorld = (broker: Broker, clientId: string, username = 'default') =>
  FakeDevice.connected(broker, { version: 5, clientId, username });

describe('at its bound of', () => {
  it('connections, one more is not taken', () => {
    const { broker, reached } = bounded({ maxConnections: 1 });
    new FakeDevice(broker);
    expect(() => new FakeDevice(broker)).toThrow('no room');
    expect(counted(reached)).toEqual({ maxConnections: 1 });
  });

  it('connections of a namespace, CONNECT is refused with 0x97; a take-over is none more, and others are not touched', async () => {
    const { broker, reached } = bounded({ maxConnectionsPerNamespace: 1 });
    const first = await inWorld(broker, 'a');
    const second = await inWorld(broker, 'b');
    expect(second.of('connack')[0]?.reason).toBe(Reason.quotaExceeded);
    expect((await inWorld(broker, 'b', 'other')).of('connack')[0]?.reason).toBe(Reason.success);
    expect((await inWorld(broker, 'a')).of('connack')[0]?.reason).toBe(Reason.success);
    expect(first.closed).toBe(true);
    expect(counted(reached)).toEqual({ maxConnectionsPerNamespace: 1 });
  });

  it('sessions, CONNECT is refused with 0x97', async () => {
    const { broker, reached } = bounded({ maxSessions: 1 });
    await inWorld(broker, 'a');
    expect((await inWorld(broker, 'b')).of('connack')[0]?.reason).toBe(Reason.quotaExceeded);
    expect(counted(reached)).toEqual({ maxSessions: 1 });
  });

  it('bytes before CONNECT and of a packet, the connection ends by the header', async () => {
    const { broker, reached } = bounded({ maxPacketBytes: 1000, maxConnectBytes: 200 });
    const stranger = new FakeDevice(broker, 5);
    stranger.sendBytes(Buffer.from('10c901', 'hex'));
    expect(stranger.closed).toBe(true);
    const device = await inWorld(broker, 'a');
    device.sendBytes(Buffer.from('30e907', 'hex'));
    expect(device.of('disconnect')[0]?.reason).toBe(Reason.packetTooLarge);
    expect(counted(reached)).toEqual({ maxConnectBytes: 1, maxPacketBytes: 1 });
  });

  it('time to CONNECT, the connection is closed', async () => {
    const { broker, reached, wait } = bounded({ connectTimeoutS: 5 });
    const device = new FakeDevice(broker);
    wait(5000);
    expect(device.closed).toBe(false);
    wait(1);
    expect(device.closed).toBe(true);
    expect(counted(reached)).toEqual({ connectTimeoutS: 1 });
  });

  it('time that a sign-in may wait for us, the connection is closed', async () => {
    const reached = nothingReached();
    const never = new Promise<never>(() => {});
    const access = { authenticate: () => never, onRevoked: () => {} };
    const { broker, wait } = fakeBroker({ access, reached, limits: { connectTimeoutS: 5, signInTimeoutS: 20 } });
    const device = await FakeDevice.connected(broker);
    wait(20_000);
    expect(device.closed).toBe(false);
    wait(1);
    expect(device.closed).toBe(true);
    expect(counted(reached)).toEqual({ signInTimeoutS: 1 });
  });

  it('bytes of a topic, a longer name ends the connection, a longer filter is refused', async () => {
    const { broker, reached } = bounded({ maxTopicBytes: 8 });
    const device = await inWorld(broker, 'a');
    device.subscribe('ä/bcdefg');
    device.subscribe('ä/bcdef');
    device.publish('ä/bcdef', 'fits');
    await settled();
    expect(device.of('suback').map(({ reasons }) => reasons)).toEqual([[Reason.topicFilterInvalid], [0]]);
    expect(device.payloads).toEqual(['fits']);
    device.publish('ä/bcdefg', 'too long');
    expect(device.of('disconnect')[0]?.reason).toBe(Reason.topicNameInvalid);
    expect(counted(reached)).toEqual({ maxTopicBytes: 2 });
  });

  it('levels of a topic, a deeper name ends the connection, a deeper filter is refused', async () => {
    const { broker, reached } = bounded({ maxTopicLevels: 3 });
    const device = await inWorld(broker, 'a');
    device.subscribe('a/b/c/#');
    device.publish('a/b/c/d', 'too deep');
    await settled();
    expect(device.of('suback')[0]?.reasons).toEqual([Reason.topicFilterInvalid]);
    expect(device.of('disconnect')[0]?.reason).toBe(Reason.topicNameInvalid);
    expect(counted(reached)).toEqual({ maxTopicLevels: 2 });
  });

  it('topic aliases, a higher one ends the connection with 0x94', async () => {
    const { broker, reached } = bounded({ topicAliasMaximum: 2 });
    const device = await inWorld(broker, 'a');
    const rest = { retain: false, dup: false, packetId: -1, properties: { topicAlias: 3 } };
    device.send({ type: 'publish', topic: 't', payload: Buffer.from('x'), qos: 0, ...rest });
    expect(device.of('disconnect')[0]?.reason).toBe(Reason.topicAliasInvalid);
    expect(counted(reached)).toEqual({ topicAliasMaximum: 1 });
  });

  it('QoS 2 messages that a client has under way, one more ends the connection with 0x93', async () => {
    const { broker, reached } = bounded({ receiveMaximum: 2 });
    const device = await inWorld(broker, 'a');
    for (const id of [1, 2, 3]) device.publish('t', 'x', 2, id);
    expect(device.of('disconnect')[0]?.reason).toBe(Reason.receiveMaximumExceeded);
    expect(counted(reached)).toEqual({ receiveMaximum: 1 });
  });

  it('what a CONNECT may wish for, it gets the bound and is told so', async () => {
    const limits = { maxOutgoingAliases: 5, maxKeepAliveS: 60, maxSessionExpiryS: 100 };
    const { broker, reached } = bounded(limits);
    const wishes = { topicAliasMaximum: 6, sessionExpiryInterval: 101 };
    const device = await FakeDevice.connected(broker, { version: 5, keepAlive: 61, properties: wishes });
    const { properties } = device.of('connack')[0] as { properties: object };
    expect(properties).toMatchObject({ serverKeepAlive: 60, sessionExpiryInterval: 100 });
    expect(counted(reached)).toEqual({ maxOutgoingAliases: 1, maxKeepAliveS: 1, maxSessionExpiryS: 1 });
  });

  it('subscriptions of a session, of filters in a packet and of shared groups, SUBACK says 0x97', async () => {
    const limits = { maxSubscriptionsPerSession: 2, maxFiltersPerPacket: 3, maxSharedGroups: 1 };
    const { broker, reached } = bounded(limits);
    const subscribed = async (clientId: string, ...filters: string[]) => {
      const device = await inWorld(broker, clientId);
      const options = { qos: 1, noLocal: false, retainAsPublished: false, retainHandling: 0 } as const;
      const subscriptions = filters.map((filter) => ({ filter, ...options }));
      device.send({ type: 'subscribe', packetId: 1, properties: EMPTY_PROPERTIES, subscriptions });
      await settled();
      return device.of('suback')[0]?.reasons;
    };
    const full = Reason.quotaExceeded;
    expect(await subscribed('a', 'x', 'y', 'z')).toEqual([1, 1, full]);
    expect(await subscribed('b', 'x', 'x', 'x', 'x')).toEqual([1, 1, 1, full]);
    expect(await subscribed('c', '$share/one/x', '$share/two/x')).toEqual([1, full]);
    expect(await subscribed('d', '$share/one/x')).toEqual([1]); // one more member is no more groups
    expect(counted(reached)).toEqual({ maxSubscriptionsPerSession: 1, maxFiltersPerPacket: 1, maxSharedGroups: 1 });
    expect(broker.stats().sharedGroups).toBe(1);
  });

  it('what the filters of a session cost, SUBACK says 0x97 (3.x: 0x80), and those that go make room', async () => {
    const { broker, reached } = bounded({ maxSubscriptionBytesPerSession: 3000 });
    const long = (first: string) => `${first}${'x'.repeat(799)}`; // 800 bytes and a level: 1,000
    const device = await inWorld(broker, 'a');
    const reasons = (): (number | undefined)[] => device.of('suback').map(({ reasons: [reason] }) => reason);
    for (const first of ['1', '2', '3', '4', '1']) device.subscribe(long(first), 1);
    await settled();
    expect(reasons()).toEqual([1, 1, 1, Reason.quotaExceeded, 1]); // the last one replaces its like
    device.subscribe('$SYS/#', 0);
    device.send({ type: 'unsubscribe', packetId: 9, filters: [long('2'), long('2'), long('5')], properties: {} });
    for (const filter of ['é'.repeat(350), 'e', long('6')]) device.subscribe(filter, 1); // 900, and no room for 201
    await settled();
    expect(reasons().slice(5)).toEqual([Reason.quotaExceeded, 1, Reason.quotaExceeded, Reason.quotaExceeded]);
    expect(counted(reached)).toEqual({ maxSubscriptionBytesPerSession: 4 });
    const old = await FakeDevice.connected(broker, { version: 4, clientId: 'b', username: 'default' });
    old.subscribe('/'.repeat(15), 1); // 16 levels
    old.subscribe('x', 1);
    await settled();
    expect(old.of('suback').map(({ reasons: [reason] }) => reason)).toEqual([0x80, 1]);
  });

  it('retained messages and bytes, a new one goes to its receivers and is not kept', async () => {
    const { broker, reached } = bounded({ maxRetainedMessages: 2, maxRetainedBytes: 1000 });
    const device = await inWorld(broker, 'a');
    device.subscribe('#');
    for (const topic of ['1', '2', '3']) device.publish(topic, topic, 0, 1, true);
    device.publish('1', 'x'.repeat(1000), 0, 1, true);
    await settled();
    expect(device.payloads.map((text) => text.slice(0, 1))).toEqual(['1', '2', '3', 'x']);
    expect(broker.stats().retained).toBe(2);
    expect(counted(reached)).toEqual({ maxRetainedMessages: 1, maxRetainedBytes: 1 });
  });

  it('bytes that wait for a session, the new message is not queued for it, and counted', async () => {
    const { broker } = bounded({ maxQueuedBytes: 10_000 });
    const kept = { clientId: 'kept', clean: false, version: 4 } as const;
    const reader = await FakeDevice.connected(broker, kept);
    reader.subscribe('t', 1);
    reader.drop();
    const writer = await inWorld(broker, 'writer');
    for (let i = 0; i < 20; i++) writer.publish('t', String(i).padEnd(1000), 1, i + 1);
    await settled();
    const { queuedBytes, dropped } = broker.stats();
    expect(queuedBytes).toBeLessThan(11_200); // at most one beyond it
    const again = await FakeDevice.connected(broker, kept);
    await settled();
    expect(again.payloads.map(Number)).toEqual(Array.from({ length: 20 - dropped }, (_, i) => i));
    expect(dropped).toBeGreaterThan(8);
  });

  it('bytes that wait for a connection, its publishers are read more slowly; at that of time, they go on without it', async () => {
    const { broker, reached, wait } = bounded({ maxOutputBytes: 1000, stalledAfterMs: 2000 });
    const reader = await inWorld(broker, 'reader');
    reader.subscribe('t');
    reader.reading = false;
    const writer = await inWorld(broker, 'writer');
    for (let i = 0; i < 5 && !writer.paused; i++) {
      writer.publish('t', 'x'.repeat(900));
      await settled();
    }
    expect([writer.paused, broker.stats().receiversBehind]).toEqual([true, 1]);
    expect(counted(reached)).toEqual({ maxOutputBytes: 1 });
    wait(2000);
    expect([writer.paused, broker.stats().receiversBehind]).toEqual([false, 0]);
    expect(counted(reached)).toEqual({ maxOutputBytes: 1, stalledAfterMs: 1 });
  });

  it('topics whose receivers are remembered, older ones are worked out anew', async () => {
    const { broker } = bounded({ topicCacheEntries: 1000 });
    const device = await inWorld(broker, 'a');
    device.subscribe('#');
    for (let i = 0; i < 3000; i++) device.publish(`t/${i}`, 'x');
    device.publish('t/0', 'again');
    await settled();
    expect(device.payloads).toHaveLength(3001);
    expect(broker.stats().cachedTopics).toBeLessThanOrEqual(1000);
  });
});

describe('a stranger who is refused again and again', () => {
  it.each([
    ['by its secret', { username: 'nobody' }, 'CONNECT refused: Not authorized'],
    ['by its client id', { version: 3, clientId: '' }, 'CONNECT refused: Client Identifier not valid'],
  ] as const)('%s has ten lines a minute, whatever it sends', async (_how, connect, text) => {
    const { broker, lines } = fakeBroker();
    for (let i = 0; i < 50; i++) {
      const username = 'username' in connect ? `${connect.username} ${i}` : null;
      await FakeDevice.connected(broker, { ...connect, username });
    }
    expect(lines.filter((line) => line.text === text)).toHaveLength(10);
    expect(lines.filter(({ level }) => level === 'warn')).toHaveLength(10);
  });

  it('for what is no MQTT has ten lines a minute', () => {
    const { broker, lines } = fakeBroker();
    for (let i = 0; i < 50; i++) new FakeDevice(broker).sendBytes(Buffer.from(`GET /${i}`));
    expect(lines.filter(({ level }) => level === 'warn')).toHaveLength(10);
  });
});

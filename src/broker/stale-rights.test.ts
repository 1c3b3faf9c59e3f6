import { describe, expect, it } from 'vitest';
import { type Access, ALL_TOPICS, type TopicRules } from '../access/index.ts';
import { fakeBroker, principalOf } from './testing/fake-broker.ts';
import { FakeDevice, settled } from './testing/fake-device.ts';

const five = { version: 5 as const };
const kept = { ...five, clean: false, clientId: 'kept', username: 'kept', properties: { sessionExpiryInterval: 1000 } };
const onlyPublic: TopicRules = {
  all: false,
  mayPublish: (topic) => topic === 'public',
  maySubscribe: () => 'partly',
  mayReceive: (topic) => topic === 'public',
};

/** A broker whose rules for the user `kept` the test narrows, and where it revokes. */
function setUp() {
  let rules: TopicRules = ALL_TOPICS;
  let since = '2026-01-01';
  let kind: 'token' | 'certificate' = 'token';
  let revoke: (key: string, isOver: boolean) => void = () => {};
  const access: Access = {
    authenticate: ({ username }) => {
      const name = username ?? 'somebody';
      const own = name === 'kept' ? { rules, since, kind } : {};
      return { ok: true, principal: { ...principalOf('default', name), ...own } };
    },
    onRevoked: (listener) => {
      revoke = listener;
    },
  };
  const fake = fakeBroker({ access });
  const narrow = () => {
    rules = onlyPublic;
  };
  const change = (to: { since?: string; kind?: typeof kind }) => {
    since = to.since ?? since;
    kind = to.kind ?? kind;
  };
  return { ...fake, narrow, change, revoke: (key: string, isOver = true) => revoke(key, isOver) };
}

describe('class 11: a right that has ended', () => {
  it('does not let a queue go on that was filled before; what it may still have comes', async () => {
    const { broker, narrow } = setUp();
    const before = await FakeDevice.connected(broker, kept);
    before.subscribe('#', 1);
    before.drop();
    const writer = await FakeDevice.connected(broker, { clientId: 'writer' });
    for (const topic of ['secret', 'public', 'secret']) writer.publish(topic, topic, 1);
    narrow();
    const after = await FakeDevice.connected(broker, kept);
    expect(after.of('connack')[0]?.sessionPresent).toBe(true);
    expect(after.payloads).toEqual(['public']);
    writer.publish('secret', 'secret', 1);
    writer.publish('public', 'later', 1);
    await settled();
    expect(after.payloads).toEqual(['public', 'later']);
    const { queued, inFlight, dropped } = broker.clients('default').find(({ clientId }) => clientId === 'kept') ?? {};
    expect([queued, inFlight, dropped]).toEqual([0, 2, 2]);
  });

  it('does not let a message go out again that was in flight', async () => {
    const { broker, narrow } = setUp();
    const before = await FakeDevice.connected(broker, kept);
    before.subscribe('#', 2);
    const writer = await FakeDevice.connected(broker, { clientId: 'writer' });
    for (const [n, topic] of ['secret', 'public'].entries()) writer.publish(topic, topic, 2, n + 1);
    await settled();
    expect(before.payloads).toEqual(['secret', 'public']);
    before.drop();
    narrow();
    const after = await FakeDevice.connected(broker, kept);
    expect(after.payloads).toEqual(['public']);
  });

  it('hides what is retained', async () => {
    const { broker, narrow } = setUp();
    const writer = await FakeDevice.connected(broker, { clientId: 'writer' });
    for (const topic of ['secret', 'public']) writer.publish(topic, topic, 1, 1, true);
    narrow();
    const reader = await FakeDevice.connected(broker, kept);
    reader.subscribe('#', 1);
    await settled();
    expect(reader.payloads).toEqual(['public']);
  });

  it.each([0, 100])('takes the will along when it is revoked, with a delay of %d s', async (willDelayInterval) => {
    const { broker, revoke, wait } = setUp();
    const watcher = await FakeDevice.connected(broker, { clientId: 'watcher' });
    watcher.subscribe('will');
    const will = {
      topic: 'will',
      payload: Buffer.from('x'),
      qos: 0 as const,
      retain: true,
      properties: { willDelayInterval },
    };
    const device = await FakeDevice.connected(broker, { ...kept, will });
    if (willDelayInterval > 0) device.drop();
    revoke('kept');
    wait(200_000);
    await settled();
    expect(device.closed).toBe(true);
    expect(watcher.payloads).toEqual([]);
  });

  it('does not come back by taking over the client id: the session is not for another user', async () => {
    const { broker, revoke } = setUp();
    const device = await FakeDevice.connected(broker, kept);
    device.subscribe('#', 1);
    revoke('kept');
    const writer = await FakeDevice.connected(broker, { clientId: 'writer' });
    writer.publish('secret', 'secret', 1);
    const other = await FakeDevice.connected(broker, { ...kept, username: 'other' });
    await settled();
    expect(other.of('connack')[0]?.sessionPresent).toBe(false);
    expect(other.payloads).toEqual([]);
  });

  /** A session with a subscription and one message in its queue; its device is away. */
  async function waiting(fake: ReturnType<typeof setUp>) {
    const device = await FakeDevice.connected(fake.broker, kept);
    device.subscribe('#', 1);
    device.drop();
    const writer = await FakeDevice.connected(fake.broker, { clientId: 'writer' });
    writer.publish('secret', 'secret', 1);
    await settled();
    return writer;
  }
  const sessions = ({ broker }: ReturnType<typeof setUp>) =>
    broker.clients('default').filter(({ clientId }) => clientId === 'kept').length;

  it('ends the sessions of a revoked token, here or away, with what waits for them', async () => {
    for (const away of [true, false]) {
      const fake = setUp();
      const writer = away ? await waiting(fake) : null;
      if (!away) (await FakeDevice.connected(fake.broker, kept)).subscribe('#', 1);
      expect(sessions(fake)).toBe(1);
      fake.revoke('kept');
      await settled();
      expect(sessions(fake)).toBe(0);
      expect(fake.broker.stats()).toMatchObject({ queued: 0, subscriptions: 0 });
      writer?.drop();
    }
  });

  it('gives a token that was made anew under the same key a session of its own [MQTT-3.1.2-6], [MQTT-3.2.2-3]', async () => {
    const fake = setUp();
    const writer = await waiting(fake);
    fake.change({ since: '2026-02-02' });
    const anew = await FakeDevice.connected(fake.broker, kept);
    expect(anew.of('connack')[0]?.sessionPresent).toBe(false);
    writer.publish('secret', 'secret', 1);
    await settled();
    expect(anew.payloads).toEqual([]);
  });

  it('is not that of a certificate with the name of the token, nor the other way round', async () => {
    const fake = setUp();
    await waiting(fake);
    fake.change({ kind: 'certificate' });
    const other = await FakeDevice.connected(fake.broker, kept);
    expect(other.of('connack')[0]?.sessionPresent).toBe(false);
    fake.revoke('kept');
    await settled();
    expect([other.closed, sessions(fake)]).toEqual([false, 1]);
  });

  it('leaves its sessions to a token that got another secret [MQTT-3.2.2-2]', async () => {
    const fake = setUp();
    await waiting(fake);
    fake.revoke('kept', false);
    await settled();
    expect(sessions(fake)).toBe(1);
    const back = await FakeDevice.connected(fake.broker, kept);
    expect(back.of('connack')[0]?.sessionPresent).toBe(true);
    expect(back.payloads).toEqual(['secret']);
    // Who is connected by the old secret is out.
    fake.revoke('kept', false);
    await settled();
    expect([back.closed, sessions(fake)]).toEqual([true, 1]);
  });
});

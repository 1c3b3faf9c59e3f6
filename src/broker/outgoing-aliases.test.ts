import { describe, expect, it } from 'vitest';
import type { Properties } from '../codec/index.ts';
import { OutgoingAliases } from './outgoing-aliases.ts';
import { fakeBroker } from './testing/fake-broker.ts';
import { FakeDevice, settled } from './testing/fake-device.ts';

describe('aliases towards a client', () => {
  it('are kept by topics that are sent often, and taken over from the others', () => {
    const aliases = new OutgoingAliases(3);
    const told: string[] = [];
    const send = (topic: string): number => {
      const known = aliases.of(topic);
      if (known > 0) return known;
      const fresh = aliases.free();
      if (fresh > 0) aliases.set(fresh, topic);
      told.push(topic);
      return fresh;
    };
    expect(['often', 'a', 'b'].map(send)).toEqual([1, 2, 3]);
    const before = told.length;
    for (let n = 0; n < 300; n++) {
      send('often');
      send(`rare-${n}`);
    }
    expect(told.slice(before).filter((topic) => topic === 'often').length).toBeLessThan(3);
    expect(aliases.of('rare-299') + aliases.of('rare-298') + aliases.of('rare-297')).toBeGreaterThan(0);
  });
});

const five = { version: 5 as const };
const seen = (device: FakeDevice) =>
  device.of('publish').map(({ topic, properties, payload }) => [topic, properties.topicAlias, payload.toString()]);

async function between(properties: Properties, limits = {}) {
  const fake = fakeBroker({ limits });
  const to = await FakeDevice.connected(fake.broker, { ...five, clientId: 'to', properties });
  const from = await FakeDevice.connected(fake.broker, { ...five, clientId: 'from' });
  to.subscribe('#', 2);
  return { ...fake, to, from };
}

describe('a client that allows topic aliases', () => {
  it('is told a topic once, at whatever QoS, and no alias above its maximum [MQTT-3.1.2-26] [MQTT-3.3.2-11]', async () => {
    const { to, from } = await between({ topicAliasMaximum: 1 });
    from.publish('topic/a', '0', 0);
    from.publish('topic/a', '1', 1, 1);
    from.publish('topic/a', '2', 2, 2);
    from.publish('topic/b', 'b', 0);
    await settled();
    expect(seen(to)).toEqual([
      ['topic/a', 1, '0'],
      ['', 1, '1'],
      ['', 1, '2'],
      ['topic/b', undefined, 'b'],
    ]);
  });

  it('is told anew on its next connection [MQTT-3.3.2-7]', async () => {
    const kept = { topicAliasMaximum: 5, sessionExpiryInterval: 60 };
    const { broker, to, from } = await between(kept);
    from.publish('topic/a', 'first', 1, 1);
    await settled();
    to.drop();
    from.publish('topic/a', 'second', 1, 2);
    const back = await FakeDevice.connected(broker, { ...five, clientId: 'to', clean: false, properties: kept });
    await settled();
    expect(seen(back)).toEqual([
      ['topic/a', 1, 'first'],
      ['', 1, 'second'],
    ]);
  });

  it('gets large, many-receiver and expiring messages under them as any others', async () => {
    const { broker, to, from } = await between({ topicAliasMaximum: 5 });
    const others = await Promise.all(
      [1, 2, 3, 4].map((n) => FakeDevice.connected(broker, { version: n % 2 ? 4 : 5, clientId: `other-${n}` })),
    );
    for (const other of others) other.subscribe('#', 1);
    const large = 'x'.repeat(40_000);
    for (const payload of ['a', large, 'b']) from.publish('topic/a', payload, 1);
    await settled();
    expect(seen(to)).toEqual([
      ['topic/a', 1, 'a'],
      ['', 1, large],
      ['', 1, 'b'],
    ]);
    for (const other of others) {
      expect(seen(other)).toEqual(['a', large, 'b'].map((payload) => ['topic/a', undefined, payload]));
    }
  });

  it('learns no alias from a packet that it does not get, and gets one that fits only without', async () => {
    const { to, from } = await between({ topicAliasMaximum: 5, maximumPacketSize: 60 });
    from.publish('topic/a', 'x'.repeat(80));
    from.publish('topic/a', 'y'.repeat(48));
    from.publish('topic/a', 'z');
    from.publish('topic/a', 'z');
    await settled();
    expect(seen(to)).toEqual([
      ['topic/a', undefined, 'y'.repeat(48)],
      ['topic/a', 1, 'z'],
      ['', 1, 'z'],
    ]);
  });
});

describe('no topic alias is sent', () => {
  it.each<[string, Properties, object]>([
    ['to a client that says nothing of it [MQTT-3.1.2-27]', {}, {}],
    ['to a client whose maximum is 0 [MQTT-3.1.2-27]', { topicAliasMaximum: 0 }, {}],
    ['where the setting is 0', { topicAliasMaximum: 9 }, { maxOutgoingAliases: 0 }],
  ])('%s', async (_, properties, limits) => {
    const { to, from } = await between(properties, limits);
    for (const payload of ['1', '2']) from.publish('topic/a', payload);
    await settled();
    expect(seen(to).map(([topic, alias]) => [topic, alias])).toEqual([
      ['topic/a', undefined],
      ['topic/a', undefined],
    ]);
  });
});

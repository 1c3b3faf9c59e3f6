import { describe, expect, it } from 'vitest';
import { EMPTY_PROPERTIES, encodePacket } from '../codec/index.ts';
import { fakeBroker } from './testing/fake-broker.ts';
import { FakeDevice, settled } from './testing/fake-device.ts';

const five = { version: 5 as const };

describe('delivery', () => {
  it.each([
    [0, 0, 0],
    [1, 0, 0],
    [0, 1, 0],
    [1, 1, 1],
    [2, 1, 1],
    [2, 2, 2],
  ] as const)('of a QoS %d message to a subscription of QoS %d is QoS %d', async (published, subscribed, granted) => {
    const { broker } = fakeBroker();
    const reader = await FakeDevice.connected(broker, { clientId: 'reader' });
    const writer = await FakeDevice.connected(broker, { clientId: 'writer' });
    reader.subscribe('a/+', subscribed);
    writer.publish('a/b', 'hello', published);
    await settled();
    expect(reader.of('suback')[0]?.reasons).toEqual([subscribed]);
    expect(reader.of('publish').map(({ topic, qos }) => [topic, qos])).toEqual([['a/b', granted]]);
    if (published === 1) expect(writer.of('puback')).toHaveLength(1);
    if (published === 2) expect(writer.of('pubrec')).toHaveLength(1);
  });

  it('reaches 3.1, 3.1.1 and 5.0 receivers in their own forms, from each of them', async () => {
    for (const from of [3, 4, 5] as const) {
      const { broker } = fakeBroker();
      const readers = await Promise.all(
        ([3, 4, 5] as const).map((version) => FakeDevice.connected(broker, { version, clientId: `r${version}` })),
      );
      for (const reader of readers) reader.subscribe('#', 1);
      const writer = await FakeDevice.connected(broker, { version: from, clientId: 'w' });
      writer.publish('t', 'zero');
      writer.publish('t', 'one', 1);
      writer.publish('t', 'x'.repeat(40_000), 0);
      await settled();
      for (const reader of readers) expect(reader.payloads).toEqual(['zero', 'one', 'x'.repeat(40_000)]);
    }
  });

  it('of a QoS 2 message that is sent again before its PUBREL happens once', async () => {
    const { broker } = fakeBroker();
    const reader = await FakeDevice.connected(broker, { clientId: 'reader' });
    reader.subscribe('t', 2);
    const writer = await FakeDevice.connected(broker, { clientId: 'writer' });
    writer.publish('t', 'once', 2, 7);
    writer.publish('t', 'once', 2, 7);
    writer.send({ type: 'pubrel', packetId: 7, reason: 0, properties: EMPTY_PROPERTIES });
    await settled();
    expect(reader.payloads).toEqual(['once']);
    expect(writer.of('pubrec')).toHaveLength(2);
    expect(writer.of('pubcomp')).toHaveLength(1);
    writer.publish('t', 'again', 2, 7);
    await settled();
    expect(reader.payloads).toEqual(['once', 'again']);
  });

  it('takes an outgoing QoS 2 message through PUBREC, PUBREL and PUBCOMP', async () => {
    const { broker } = fakeBroker();
    const reader = await FakeDevice.connected(broker, { clientId: 'reader' });
    reader.subscribe('t', 2);
    reader.publish('t', 'self', 2, 1);
    await settled();
    const id = reader.of('publish')[0]?.packetId as number;
    reader.send({ type: 'pubrec', packetId: id, reason: 0, properties: EMPTY_PROPERTIES });
    await settled();
    expect(reader.of('pubrel').map(({ packetId }) => packetId)).toEqual([id]);
    expect(broker.clients('default')[0]?.inFlight).toBe(1);
    reader.send({ type: 'pubcomp', packetId: id, reason: 0, properties: EMPTY_PROPERTIES });
    await settled();
    expect(broker.clients('default')[0]?.inFlight).toBe(0);
  });

  it('merges overlapping subscriptions into one, with the greatest QoS and all identifiers', async () => {
    const { broker } = fakeBroker();
    const reader = await FakeDevice.connected(broker, { ...five, clientId: 'reader' });
    for (const [filter, qos, id] of [
      ['a/+', 0, 5],
      ['a/#', 1, 9],
    ] as const) {
      reader.send({
        type: 'subscribe',
        packetId: id,
        properties: { subscriptionIdentifiers: [id] },
        subscriptions: [{ filter, qos, noLocal: false, retainAsPublished: false, retainHandling: 0 }],
      });
    }
    reader.publish('a/b', 'x', 1);
    await settled();
    const [only, ...more] = reader.of('publish');
    expect(more).toEqual([]);
    expect(only?.qos).toBe(1);
    expect(only?.properties.subscriptionIdentifiers).toEqual([5, 9]);
  });

  it('does not go back to its publisher where No Local asks for that', async () => {
    const { broker } = fakeBroker();
    const device = await FakeDevice.connected(broker, { ...five, clientId: 'a' });
    const other = await FakeDevice.connected(broker, { ...five, clientId: 'b' });
    for (const each of [device, other]) each.subscribe('t', 1, { noLocal: true });
    device.publish('t', 'x', 1);
    await settled();
    expect(device.payloads).toEqual([]);
    expect(other.payloads).toEqual(['x']);
  });

  it('goes back to its publisher as those of its subscriptions say that are not No Local [MQTT-3.8.3-3]', async () => {
    const { broker } = fakeBroker();
    for (const kept of [0, 100]) {
      const properties = { sessionExpiryInterval: kept };
      const device = await FakeDevice.connected(broker, { ...five, clientId: `kept ${kept}`, properties });
      device.subscribe('t/+', 2, { noLocal: true });
      device.subscribe('t/#', 1);
      device.publish('t/u', 'own', 2);
      await settled();
      expect(device.of('publish').map(({ qos }) => qos)).toEqual([1]);
      const other = await FakeDevice.connected(broker, { ...five, clientId: 'other' });
      other.publish('t/u', 'of another', 2);
      await settled();
      expect(device.of('publish').map(({ qos }) => qos)).toEqual([1, 2]);
    }
  });

  it('passes user properties and content type on, in order', async () => {
    const { broker } = fakeBroker();
    const reader = await FakeDevice.connected(broker, { ...five, clientId: 'r' });
    reader.subscribe('t');
    const properties = {
      contentType: 'text/plain',
      userProperties: [
        ['b', '1'],
        ['a', '2'],
        ['b', '3'],
      ] as const,
    };
    const writer = await FakeDevice.connected(broker, { ...five, clientId: 'w' });
    const rest = { qos: 0 as const, retain: false, dup: false, packetId: -1 };
    writer.send({ type: 'publish', topic: 't', payload: Buffer.from('x'), ...rest, properties });
    await settled();
    expect(reader.of('publish')[0]?.properties).toEqual(properties);
  });

  it('resolves topic aliases of a publisher', async () => {
    const { broker } = fakeBroker();
    const device = await FakeDevice.connected(broker, { ...five, clientId: 'a' });
    device.subscribe('#');
    for (const topic of ['long/topic/name', '']) {
      const rest = { qos: 0 as const, retain: false, dup: false, packetId: -1, properties: { topicAlias: 3 } };
      device.send({ type: 'publish', topic, payload: Buffer.from('x'), ...rest });
    }
    await settled();
    expect(device.of('publish').map(({ topic }) => topic)).toEqual(['long/topic/name', 'long/topic/name']);
  });

  it('to many receivers gives each its own packet identifier', async () => {
    const { broker } = fakeBroker();
    const readers = await Promise.all(
      Array.from({ length: 20 }, (_, i) => FakeDevice.connected(broker, { clientId: `r${i}` })),
    );
    readers.forEach((reader, i) => {
      reader.subscribe('t', i % 2 === 0 ? 1 : 0);
    });
    const writer = await FakeDevice.connected(broker, { clientId: 'w' });
    for (let i = 0; i < 3; i++) writer.publish('t', `m${i}`, 1, i + 1);
    await settled();
    readers.forEach((reader, i) => {
      expect(reader.payloads).toEqual(['m0', 'm1', 'm2']);
      expect(reader.of('publish').map(({ packetId }) => packetId)).toEqual(i % 2 === 0 ? [1, 2, 3] : [-1, -1, -1]);
    });
  });

  it('does not depend on how the bytes are cut', async () => {
    const { broker } = fakeBroker();
    const reader = await FakeDevice.connected(broker, { clientId: 'r' });
    reader.subscribe('#', 1);
    const writer = await FakeDevice.connected(broker, { clientId: 'w' });
    const packets = Buffer.concat(
      ['one', 'x'.repeat(300), 'three'].map((text, i) =>
        encodePacket(
          {
            type: 'publish',
            topic: `t/${i}`,
            payload: Buffer.from(text),
            qos: 1,
            retain: false,
            dup: false,
            packetId: i + 1,
            properties: EMPTY_PROPERTIES,
          },
          4,
        ),
      ),
    );
    const expected: string[] = [];
    for (const size of [1, 2, 3, 7, 64, packets.length]) {
      for (let at = 0; at < packets.length; at += size) writer.sendBytes(packets.subarray(at, at + size));
      expected.push('one', 'x'.repeat(300), 'three');
    }
    await settled();
    expect(reader.payloads).toEqual(expected);
  });
});

describe('retained messages', () => {
  it('are sent to a new subscription with the flag set, and replaced and removed by publishing', async () => {
    const { broker } = fakeBroker();
    const writer = await FakeDevice.connected(broker, { clientId: 'w' });
    writer.publish('a/1', 'old', 1, 1, true);
    writer.publish('a/1', 'new', 1, 2, true);
    writer.publish('a/2', 'gone', 1, 3, true);
    writer.publish('a/2', '', 1, 4, true);
    await settled();
    const reader = await FakeDevice.connected(broker, { clientId: 'r' });
    reader.subscribe('a/#', 1);
    await settled();
    expect(reader.of('publish').map(({ topic, retain, qos }) => [topic, retain, qos])).toEqual([['a/1', true, 1]]);
    expect(reader.payloads).toEqual(['new']);
    writer.publish('a/1', 'live', 0, 0, true);
    await settled();
    expect(reader.of('publish').map(({ retain }) => retain)).toEqual([true, false]);
  });

  it('are sent once to a new subscription, also where one is replaced while the client has no room', async () => {
    const { broker } = fakeBroker();
    const writer = await FakeDevice.connected(broker, { clientId: 'writer' });
    for (const topic of ['a', 'b', 'c']) writer.publish(topic, 'old', 1, 1, true);
    const properties = { receiveMaximum: 1 };
    const reader = await FakeDevice.connected(broker, { version: 5, clientId: 'reader', properties });
    reader.subscribe('+', 1);
    await settled();
    for (const topic of ['a', 'b', 'c']) writer.publish(topic, 'new', 0, 1, true);
    for (let n = 0; n < 4; n++) {
      await settled();
      const last = reader.of('publish').findLast(({ qos }) => qos === 1);
      if (last) reader.puback(last.packetId);
    }
    await settled();
    const came = (retained: boolean) =>
      reader.of('publish').flatMap(({ topic, retain, payload }) => (retain === retained ? `${topic} ${payload}` : []));
    expect(came(false)).toEqual(['a new', 'b new', 'c new']);
    expect(came(true)).toEqual(['a old', 'b new', 'c new']); // [MQTT-3.3.1-9]
  });

  it('follow the retain handling of MQTT 5', async () => {
    const { broker } = fakeBroker();
    const device = await FakeDevice.connected(broker, { ...five, clientId: 'd' });
    device.publish('t', 'kept', 0, 0, true);
    device.subscribe('t', 0, { retainHandling: 2 });
    await settled();
    expect(device.payloads).toEqual([]);
    device.subscribe('t', 0, { retainHandling: 1 });
    await settled();
    expect(device.payloads).toEqual([]);
    device.subscribe('t', 0, { retainHandling: 0 });
    await settled();
    expect(device.payloads).toEqual(['kept']);
  });

  it('of a wildcard come at the pace of a small window, all of them, and once', async () => {
    const { broker } = fakeBroker({ limits: { maxInflight: 10 } });
    const writer = await FakeDevice.connected(broker, { clientId: 'w' });
    for (let i = 0; i < 1000; i++) writer.publish(`a/${i}`, `v${i}`, 1, (i % 60_000) + 1, true);
    await settled();
    const reader = await FakeDevice.connected(broker, { clientId: 'r' });
    reader.subscribe('a/+', 1);
    let acknowledged = 0;
    for (let round = 0; round < 1000 && acknowledged < 1000; round++) {
      await settled();
      const publishes = reader.of('publish');
      expect(publishes.length - acknowledged).toBeLessThanOrEqual(10);
      for (const { packetId } of publishes.slice(acknowledged)) reader.puback(packetId);
      acknowledged = publishes.length;
    }
    expect(new Set(reader.payloads).size).toBe(1000);
    expect(reader.payloads).toHaveLength(1000);
  });
});

import { describe, expect, it } from 'vitest';
import { Reason } from '../codec/index.ts';
import { fakeBroker } from './testing/fake-broker.ts';
import { FakeDevice, settled } from './testing/fake-device.ts';

/** PUBLISH with these properties, as 5.0 has them; at QoS 2 with identifier 7. */
function publish(topic: Uint8Array, payload: string, qos: 0 | 2, dup: boolean, properties?: readonly number[]): Buffer {
  const body = Buffer.concat([
    Buffer.of(0, topic.length),
    topic,
    Buffer.from(qos === 2 ? [0, 7] : []),
    Buffer.from(properties === undefined ? [] : [properties.length, ...properties]),
    Buffer.from(payload),
  ]);
  return Buffer.concat([Buffer.of(0x30 | (qos << 1) | (dup ? 8 : 0), body.length), body]);
}

const ALIAS_1 = [0x23, 0, 1];
const lasting = { version: 5 as const, clientId: 'w', properties: { sessionExpiryInterval: 60 } };

/** A client back on a new connection, whose PUBLISH of identifier 7 to `b` was routed on the one before. */
async function cameBack(broker: ReturnType<typeof fakeBroker>['broker']): Promise<FakeDevice> {
  const before = await FakeDevice.connected(broker, { ...lasting });
  before.sendBytes(publish(Buffer.from('b'), 'once', 2, false, []));
  await settled();
  expect(before.of('pubrec')).toMatchObject([{ packetId: 7 }]);
  before.drop();
  return await FakeDevice.connected(broker, { ...lasting, clean: false });
}

describe('a PUBLISH at QoS 2 that is sent again', () => {
  it('sets and resets its topic alias, and is not delivered again [MQTT-3.3.2-7] [MQTT-3.3.2-12] [MQTT-4.3.3-10]', async () => {
    const { broker } = fakeBroker();
    const reader = await FakeDevice.connected(broker, { clientId: 'r' });
    reader.subscribe('#', 0);
    const writer = await cameBack(broker);
    const [a, b, none] = [Buffer.from('a'), Buffer.from('b'), Buffer.alloc(0)];
    writer.sendBytes(publish(a, 'to a', 0, false, ALIAS_1));
    writer.sendBytes(publish(b, 'once', 2, true, ALIAS_1));
    writer.sendBytes(publish(none, 'to b', 0, false, ALIAS_1));
    await settled();
    expect(writer.of('pubrec')).toMatchObject([{ packetId: 7, reason: Reason.success }]);
    expect(reader.of('publish').map(({ topic, payload }) => `${topic}: ${payload}`)).toEqual([
      'b: once',
      'a: to a',
      'b: to b',
    ]);
  });

  it('may itself have its topic by an alias of the connection [MQTT-3.3.2-12]', async () => {
    const { broker } = fakeBroker();
    const writer = await cameBack(broker);
    writer.sendBytes(publish(Buffer.from('b'), 'other', 0, false, ALIAS_1));
    writer.sendBytes(publish(Buffer.alloc(0), 'once', 2, true, ALIAS_1));
    await settled();
    expect(writer.of('pubrec')).toMatchObject([{ packetId: 7, reason: Reason.success }]);
    expect(writer.closed).toBe(false);
  });

  it.each([
    ['a wildcard in its topic [MQTT-3.3.2-2]', Buffer.from('b/#'), [], Reason.topicNameInvalid],
    ['a topic that is not UTF-8 [MQTT-1.5.4-1]', Buffer.of(0xff), [], Reason.topicNameInvalid],
    ['NUL in its topic [MQTT-1.5.4-2]', Buffer.of(0x62, 0), [], Reason.topicNameInvalid],
    ['topic alias 0 [MQTT-3.3.2-8]', Buffer.from('b'), [0x23, 0, 0], Reason.topicAliasInvalid],
    ['a topic alias beyond the maximum [MQTT-3.3.2-9]', Buffer.from('b'), [0x23, 0xff, 0], Reason.topicAliasInvalid],
    ['an alias that was never set', Buffer.alloc(0), ALIAS_1, Reason.protocolError],
    ['a subscription identifier [MQTT-3.3.4-6]', Buffer.from('b'), [0x0b, 1], Reason.protocolError],
    ['a property that there is not [MQTT-4.13.1-1]', Buffer.from('b'), [0x7f, 0], Reason.malformedPacket],
  ])('is checked as the first one was: %s', async (_, topic, properties, reason) => {
    const { broker } = fakeBroker();
    const writer = await cameBack(broker);
    writer.sendBytes(publish(topic, 'once', 2, true, properties));
    await settled();
    expect(writer.of('pubrec')).toEqual([]);
    expect(writer.of('disconnect')).toMatchObject([{ reason }]);
    expect(writer.closed).toBe(true);
  });

  it('is checked in 3.1.1 too: a wildcard in its topic is the end [MQTT3-3.3.2-2]', async () => {
    const { broker } = fakeBroker();
    const before = await FakeDevice.connected(broker, { clientId: 'w', clean: false });
    before.sendBytes(publish(Buffer.from('b'), 'once', 2, false));
    before.sendBytes(publish(Buffer.from('b/+'), 'once', 2, true));
    await settled();
    expect(before.closed).toBe(true);
  });

  it('is counted as the packet that it is', async () => {
    const { broker } = fakeBroker();
    const writer = await cameBack(broker);
    const { messagesIn, packetsIn } = broker.stats();
    writer.sendBytes(publish(Buffer.from('b'), 'once', 2, true, []));
    await settled();
    expect(broker.stats()).toMatchObject({ messagesIn: messagesIn + 1, packetsIn: packetsIn + 1 });
  });
});

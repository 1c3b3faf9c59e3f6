import fc from 'fast-check';
import type { Packet, Publish, SubscribeEntry, Will } from '../packet.ts';
import { PacketType, type QoS, type Version } from '../packet-type.ts';
import type { AckPacket } from '../packets/ack.ts';
import { type Carrier, EMPTY_PROPERTIES, type Properties } from '../properties.ts';
import { PROPERTY_TABLE, type PropertyRow } from '../property-table.ts';
import { mayCarryReason } from '../reason.ts';

/** Any packet that the version can say, in the form in which it is decoded: what the version lacks has its default. */
export function packetArbitrary(version: Version): fc.Arbitrary<Packet> {
  const packets = [
    connect(version),
    connack(version),
    publish(version),
    ...ackTypes.map((type) => ack(type, version)),
    subscribe(version),
    suback(version),
    unsubscribe(version),
    unsuback(version),
    fc.constant<Packet>({ type: 'pingreq' }),
    fc.constant<Packet>({ type: 'pingresp' }),
    disconnect(version),
  ];
  return fc.oneof(...(version === 5 ? [...packets, auth()] : packets));
}

const qos = fc.constantFrom<QoS>(0, 1, 2);
const packetId = fc.integer({ min: 1, max: 65_535 });
const u16 = fc.integer({ min: 0, max: 65_535 });

/** Text that MQTT can carry: ASCII, all planes, and some of more than 127 bytes, but never U+0000. */
export const text = fc
  .oneof(
    fc.string({ maxLength: 20 }),
    fc.string({ unit: 'binary', maxLength: 12 }),
    fc.string({ unit: 'grapheme', minLength: 60, maxLength: 200 }),
  )
  .map((string) => string.replaceAll('\0', ''));

const someText = text.map((string) => string || 'x');
const bytes = fc.uint8Array({ maxLength: 300 }).map((array) => Buffer.from(array));

function propertyValue(property: PropertyRow, carrier: Carrier): fc.Arbitrary<unknown> {
  const min = property.nonZero ? 1 : 0;
  if (property.name === 'responseTopic') return text.map((topic) => topic.replaceAll(/[+#]/g, '-'));
  switch (property.kind) {
    case 'bit':
      return fc.constantFrom(0, 1);
    case 'flag':
      return fc.boolean();
    case 'u16':
      return fc.integer({ min, max: 65_535 });
    case 'u32':
      return fc.integer({ min, max: 0xffff_ffff });
    case 'varints': {
      const number = fc.oneof(fc.integer({ min, max: 200 }), fc.integer({ min, max: 268_435_455 }));
      return fc.array(number, { minLength: 1, maxLength: carrier === 'publish' ? 4 : 1 });
    }
    case 'utf8':
      return text;
    case 'binary':
      return bytes;
    case 'pairs':
      return fc.array(fc.tuple(text, text), { minLength: 1, maxLength: 4 });
  }
}

/** Any set of properties that the carrier may hold. */
export function propertiesArbitrary(carrier: Carrier, version: Version = 5): fc.Arbitrary<Properties> {
  if (version < 5) return fc.constant(EMPTY_PROPERTIES);
  const rows = PROPERTY_TABLE.filter(({ carriers }) => carriers.includes(carrier));
  const model = Object.fromEntries(rows.map((row) => [row.name, propertyValue(row, carrier)]));
  return fc.record(model, { requiredKeys: [], noNullPrototype: true }) as fc.Arbitrary<Properties>;
}

function reasonsOf(type: number, version: Version): fc.Arbitrary<number> {
  const known = Array.from({ length: 256 }, (_, code) => code).filter((code) => mayCarryReason(type, code));
  return fc.constantFrom(...(version === 5 ? known : known.filter((code) => code <= 0x80)));
}

function will(version: Version): fc.Arbitrary<Will> {
  const properties = propertiesArbitrary('will', version);
  return fc.record({ topic: someText, payload: bytes, qos, retain: fc.boolean(), properties }, plain);
}

const plain = { noNullPrototype: true } as const;

function connect(version: Version): fc.Arbitrary<Packet> {
  return fc
    .record(
      {
        type: fc.constant('connect' as const),
        version: fc.constant(version),
        bridge: version === 5 ? fc.constant(false) : fc.boolean(),
        clientId: text,
        clean: fc.boolean(),
        keepAlive: u16,
        username: fc.option(text),
        password: fc.option(bytes),
        will: fc.option(will(version)),
        properties: propertiesArbitrary('connect', version),
      },
      plain,
    )
    .map((packet) => (version < 5 && packet.username === null ? { ...packet, password: null } : packet))
    .filter(({ properties: p }) => p.authenticationData === undefined || p.authenticationMethod !== undefined);
}

function connack(version: Version): fc.Arbitrary<Packet> {
  // the five refusals of 3.x as they are decoded
  const reason = version === 5 ? reasonsOf(PacketType.CONNACK, 5) : fc.constantFrom(0, 0x84, 0x85, 0x88, 0x86, 0x87);
  return fc
    .record(
      {
        type: fc.constant('connack' as const),
        sessionPresent: fc.boolean(),
        reason,
        properties: propertiesArbitrary('connack', version),
      },
      plain,
    )
    .map((packet) => ({ ...packet, sessionPresent: packet.sessionPresent && packet.reason === 0 && version > 3 }));
}

/** Any PUBLISH of the version. */
export function publish(version: Version): fc.Arbitrary<Publish> {
  return fc
    .record(
      {
        type: fc.constant('publish' as const),
        topic: someText,
        payload: fc.oneof(
          bytes,
          fc.uint8Array({ minLength: 16_300, maxLength: 16_500 }).map((a) => Buffer.from(a)),
        ),
        qos,
        retain: fc.boolean(),
        dup: fc.boolean(),
        packetId: version === 5 ? packetId : u16,
        properties: propertiesArbitrary('publish', version),
      },
      plain,
    )
    .map((packet) => (packet.qos === 0 ? { ...packet, dup: false, packetId: -1 } : packet))
    .map((packet) => (packet.properties.topicAlias === undefined ? packet : { ...packet, topic: '' }));
}

/** Any acknowledgement of a PUBLISH of the version. */
export function acknowledgement(version: Version): fc.Arbitrary<AckPacket> {
  return fc.oneof(...ackTypes.map((type) => ack(type, version)));
}

const ackTypes = ['puback', 'pubrec', 'pubrel', 'pubcomp'] as const;

function ack(type: AckPacket['type'], version: Version): fc.Arbitrary<AckPacket> {
  const number = PacketType[type.toUpperCase() as 'PUBACK' | 'PUBREC' | 'PUBREL' | 'PUBCOMP'];
  return fc.record(
    {
      type: fc.constant(type),
      packetId,
      reason: version === 5 ? reasonsOf(number, 5) : fc.constant(0),
      properties: propertiesArbitrary(type, version),
    },
    plain,
  );
}

function subscribeEntry(version: Version): fc.Arbitrary<SubscribeEntry> {
  const option = version === 5 ? fc.boolean() : fc.constant(false);
  return fc
    .record(
      {
        filter: fc.oneof(
          someText,
          text.map((filter) => `$share/${filter}`),
        ),
        qos,
        noLocal: option,
        retainAsPublished: option,
        retainHandling: version === 5 ? fc.constantFrom<0 | 1 | 2>(0, 1, 2) : fc.constant(0 as const),
      },
      plain,
    )
    .map((entry) => (entry.filter.startsWith('$share/') ? { ...entry, noLocal: false } : entry));
}

function subscribe(version: Version): fc.Arbitrary<Packet> {
  return fc.record(
    {
      type: fc.constant('subscribe' as const),
      packetId,
      subscriptions: fc.array(subscribeEntry(version), { minLength: 1, maxLength: 5 }),
      properties: propertiesArbitrary('subscribe', version),
    },
    plain,
  );
}

function suback(version: Version): fc.Arbitrary<Packet> {
  return fc.record(
    {
      type: fc.constant('suback' as const),
      packetId,
      reasons: fc.array(reasonsOf(PacketType.SUBACK, version), { minLength: 1, maxLength: 5 }),
      properties: propertiesArbitrary('suback', version),
    },
    plain,
  );
}

function unsubscribe(version: Version): fc.Arbitrary<Packet> {
  return fc.record(
    {
      type: fc.constant('unsubscribe' as const),
      packetId,
      filters: fc.array(someText, { minLength: 1, maxLength: 5 }),
      properties: propertiesArbitrary('unsubscribe', version),
    },
    plain,
  );
}

function unsuback(version: Version): fc.Arbitrary<Packet> {
  const reasons = fc.array(reasonsOf(PacketType.UNSUBACK, 5), { minLength: 1, maxLength: 5 });
  return fc.record(
    {
      type: fc.constant('unsuback' as const),
      packetId,
      reasons: version === 5 ? reasons : fc.constant([]),
      properties: propertiesArbitrary('unsuback', version),
    },
    plain,
  );
}

function disconnect(version: Version): fc.Arbitrary<Packet> {
  return fc.record(
    {
      type: fc.constant('disconnect' as const),
      reason: version === 5 ? reasonsOf(PacketType.DISCONNECT, 5) : fc.constant(0),
      properties: propertiesArbitrary('disconnect', version),
    },
    plain,
  );
}

function auth(): fc.Arbitrary<Packet> {
  return fc.record(
    {
      type: fc.constant('auth' as const),
      reason: reasonsOf(PacketType.AUTH, 5),
      properties: propertiesArbitrary('auth').map((properties) => ({ authenticationMethod: 'm', ...properties })),
    },
    plain,
  );
}

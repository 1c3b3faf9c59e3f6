import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  copyBytes,
  decodePacket,
  EMPTY_PROPERTIES,
  encodePacket,
  encodeProperties,
  newAckView,
  newPublishView,
  type Packet,
  PacketType,
  ProtocolFault,
  publishRemaining,
  publishSize,
  readAck,
  readPublish,
  writeAck,
  writePublishHeader,
} from './index.ts';
import { acknowledgement, publish } from './testing/arbitraries.ts';
import { placeOf } from './testing/frames.ts';
import { readFixtures } from './testing/read-fixtures.ts';

const versions = [3, 4, 5] as const;

function faultOf(run: () => unknown): { reason: number; text: string } | null {
  try {
    run();
    return null;
  } catch (error) {
    if (!(error instanceof ProtocolFault)) throw error;
    return { reason: error.reason, text: error.message };
  }
}

describe('a PUBLISH through the hot door', () => {
  test.each(versions)('of version %i is the same as through the other', (version) => {
    const view = newPublishView();
    const property = fc.property(publish(version), (packet) => {
      const bytes = encodePacket(packet, version);
      const { firstByte, start, end } = placeOf(bytes);
      readPublish(bytes, firstByte, start, end, version, view);
      expect(bytes.toString('utf8', view.topicStart, view.topicEnd)).toBe(packet.topic);
      expect(bytes.compare(packet.payload, 0, packet.payload.length, view.payloadStart, view.payloadEnd)).toBe(0);
      const { qos, retain, dup, packetId } = view;
      expect({ qos, retain, dup, packetId }).toStrictEqual({
        qos: packet.qos,
        retain: packet.retain,
        dup: packet.dup,
        packetId: packet.packetId,
      });
      const block = version === 5 ? encodeProperties(packet.properties) : Buffer.of(0);
      expect(block.toString('hex').endsWith(bytes.toString('hex', view.propsStart, view.propsEnd))).toBe(true);
      expect(view.propsEnd).toBe(view.payloadStart);
    });
    fc.assert(property, { numRuns: 200 });
  });

  test.each(versions)('of version %i is written as the other door writes it', (version) => {
    const property = fc.property(publish(version), fc.nat(9), (packet, at) => {
      const { qos, payload, retain, dup, packetId } = packet;
      const topic = Buffer.from(packet.topic);
      const block = version === 5 ? encodeProperties(packet.properties) : Buffer.alloc(0);
      const size = publishSize(topic.length, qos, block.length, payload.length);
      const buf = Buffer.alloc(at + size + 3, 0xee);
      const firstByte = (PacketType.PUBLISH << 4) | (dup ? 8 : 0) | (qos << 1) | (retain ? 1 : 0);
      const remaining = publishRemaining(topic.length, qos, block.length, payload.length);
      let next = writePublishHeader(buf, at, firstByte, remaining, topic, packetId);
      next = copyBytes(block, 0, block.length, buf, next);
      next = copyBytes(payload, 0, payload.length, buf, next);
      expect(next).toBe(at + size);
      expect(buf.subarray(at, next).equals(encodePacket(packet, version))).toBe(true);
      expect(buf.toString('hex', next)).toBe('eeeeee');
    });
    fc.assert(property, { numRuns: 200 });
  });

  test('breaks the protocol with the same words as through the other', () => {
    const faults = readFixtures('faults').filter(({ bytes }) => bytes[0]! >> 4 === PacketType.PUBLISH);
    let compared = 0;
    for (const { bytes, version, fault } of faults) {
      const { firstByte, start, end } = placeOf(bytes);
      const hot = faultOf(() => readPublish(bytes, firstByte, start, end, version, newPublishView()));
      if (hot === null) continue; // topic text and properties are not its business
      expect(hot).toStrictEqual(fault);
      compared += 1;
    }
    expect(compared).toBeGreaterThanOrEqual(6);
  });

  test('lets packet identifier 0 through before MQTT 5, as umqtt sends it after 65,535', () => {
    const view = newPublishView();
    const bytes = Buffer.from('32050001610000', 'hex');
    readPublish(bytes, 0x32, 2, bytes.length, 4, view);
    expect(view.packetId).toBe(0);
    expect(faultOf(() => readPublish(bytes, 0x32, 2, bytes.length, 5, view))?.reason).toBe(0x82);
  });
});

describe('an acknowledgement through the hot door', () => {
  test.each(versions)('of version %i is the same as through the other', (version) => {
    const view = newAckView();
    const property = fc.property(acknowledgement(version), (packet) => {
      const bytes = encodePacket(packet, version);
      const { firstByte, start, end } = placeOf(bytes);
      readAck(bytes, firstByte, start, end, version, view);
      expect(view).toStrictEqual({ packetId: packet.packetId, reason: packet.reason });
    });
    fc.assert(property, { numRuns: 300 });
  });

  test.each(versions)('of version %i is four bytes', (version) => {
    for (const type of ['puback', 'pubrec', 'pubrel', 'pubcomp'] as const) {
      for (const packetId of [1, 255, 256, 65_535]) {
        const buf = Buffer.alloc(6, 0xee);
        const number = PacketType[type.toUpperCase() as 'PUBACK'];
        expect(writeAck(buf, 1, number, packetId)).toBe(5);
        const packet: Packet = { type, packetId, reason: 0, properties: EMPTY_PROPERTIES };
        expect(buf.toString('hex', 1, 5)).toBe(encodePacket(packet, version).toString('hex'));
        expect(buf[5]).toBe(0xee);
      }
    }
  });

  test('with packet identifier 0 passes before MQTT 5 and not in it', () => {
    const bytes = Buffer.from('40020000', 'hex');
    const view = newAckView();
    readAck(bytes, 0x40, 2, 4, 4, view);
    expect(view.packetId).toBe(0);
    expect(faultOf(() => readAck(bytes, 0x40, 2, 4, 5, view))?.reason).toBe(0x82);
  });

  test('does not keep the reason of the one before', () => {
    const view = newAckView();
    readAck(Buffer.from('4003000197', 'hex'), 0x40, 2, 5, 5, view);
    expect(view).toStrictEqual({ packetId: 1, reason: 0x97 });
    readAck(Buffer.from('40020002', 'hex'), 0x40, 2, 4, 5, view);
    expect(view).toStrictEqual({ packetId: 2, reason: 0 });
  });
});

test('bytes are copied whole and nothing beside them, short and long', () => {
  const src = Buffer.from(Array.from({ length: 400 }, (_, i) => i & 0xff));
  for (let length = 0; length < 300; length++) {
    const dst = Buffer.alloc(length + 2, 0xee);
    expect(copyBytes(src, 5, 5 + length, dst, 1)).toBe(1 + length);
    expect(dst.subarray(1, 1 + length).equals(src.subarray(5, 5 + length))).toBe(true);
    expect([dst[0], dst[length + 1]]).toStrictEqual([0xee, 0xee]);
  }
});

test('what was decoded does not keep the chunk in memory', () => {
  const chunk = Buffer.allocUnsafeSlow(65_536);
  const will = { topic: 't', payload: Buffer.from('p'), qos: 0, retain: false, properties: {} } as const;
  const connect: Packet = {
    type: 'connect',
    version: 5,
    bridge: false,
    clientId: 'c',
    clean: true,
    keepAlive: 0,
    username: 'u',
    password: Buffer.from('pw'),
    will: { ...will, properties: { correlationData: Buffer.from('cd') } },
    properties: { authenticationMethod: 'm', authenticationData: Buffer.from('ad') },
  };
  const length = encodePacket(connect, 5).copy(chunk);
  const decoded = decodePacket(chunk, 0x10, 2, length, 5);
  if (decoded.type !== 'connect') throw new Error(decoded.type);
  const kept = [
    decoded.password,
    decoded.will?.payload,
    decoded.will?.properties.correlationData,
    decoded.properties.authenticationData,
  ];
  for (const buffer of kept) expect(buffer?.buffer.byteLength).toBe(buffer?.length);
  expect(kept.map(String)).toStrictEqual(['pw', 'p', 'cd', 'ad']);
});

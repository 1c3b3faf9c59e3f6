import { deepStrictEqual } from 'node:assert';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  type Carrier,
  decodePacket,
  decodeProperties,
  encodePacket,
  encodeProperties,
  type Packet,
  readUtf8,
  type Version,
} from './index.ts';
import { packetArbitrary, propertiesArbitrary, text } from './testing/arbitraries.ts';
import { accumulatingReader, placeOf } from './testing/frames.ts';
import { readVarint, varintLength } from './varint.ts';

const versions = [3, 4, 5] as const;

function decode(bytes: Buffer, version: Version): Packet {
  const { firstByte, start, end } = placeOf(bytes);
  return decodePacket(bytes, firstByte, start, end, version);
}

describe('any packet', () => {
  test.each(versions)('of version %i comes back from its bytes as it was', (version) => {
    const property = fc.property(packetArbitrary(version), (packet) => {
      deepStrictEqual(decode(encodePacket(packet, version), version), packet);
    });
    fc.assert(property, { numRuns: 1000 });
  });

  test.each(versions)('of version %i comes out of a stream in chunks of any size', (version) => {
    const chunks = fc.array(fc.integer({ min: 1, max: 400 }), { minLength: 1, maxLength: 20 });
    const packets = fc.array(packetArbitrary(version), { minLength: 1, maxLength: 6 });
    const property = fc.property(packets, chunks, (sent, sizes) => {
      const stream = Buffer.concat(sent.map((packet) => encodePacket(packet, version)));
      const received: Packet[] = [];
      const read = accumulatingReader((buf, { firstByte, start, end }) => {
        received.push(decodePacket(buf, firstByte, start, end, version));
      });
      for (let at = 0, turn = 0; at < stream.length; turn++) {
        const size = sizes[turn % sizes.length]!;
        read(stream.subarray(at, at + size));
        at += size;
      }
      deepStrictEqual(received, sent);
    });
    fc.assert(property, { numRuns: 150 });
  });

  test('of MQTT 5 becomes one of 3.1.1 when it is sent there', () => {
    const property = fc.property(
      packetArbitrary(5).filter((packet) => packet.type !== 'auth' && packet.type !== 'connect'),
      (packet) => {
        const decoded = decode(encodePacket(packet.type === 'publish' ? { ...packet, topic: 't' } : packet, 4), 4);
        expect(decoded.type).toBe(packet.type);
        if ('properties' in decoded) expect(decoded.properties).toStrictEqual({});
        if ('packetId' in decoded && 'packetId' in packet) expect(decoded.packetId).toBe(packet.packetId);
        if (decoded.type === 'suback' && packet.type === 'suback') {
          expect(decoded.reasons).toStrictEqual(packet.reasons.map((code) => Math.min(code, 0x80)));
        }
      },
    );
    fc.assert(property, { numRuns: 500 });
  });
});

describe('any set of properties', () => {
  const carriers: Carrier[] = ['connect', 'connack', 'publish', 'will', 'subscribe', 'disconnect', 'auth', 'puback'];

  test.each(carriers)('of a %s comes back from its block as it was', (carrier) => {
    const property = fc.property(propertiesArbitrary(carrier), (properties) => {
      const block = encodeProperties(properties, carrier);
      const length = readVarint(block, 0, block.length);
      expect(varintLength(length) + length).toBe(block.length);
      deepStrictEqual(decodeProperties(block, varintLength(length), block.length, carrier), properties);
    });
    fc.assert(property, { numRuns: 300 });
  });
});

test('any text that MQTT allows is read from its UTF-8 as it was', () => {
  const property = fc.property(text, (string) => {
    const bytes = Buffer.from(`<${string}>`);
    expect(readUtf8(bytes, 1, bytes.length - 1)).toBe(string);
  });
  fc.assert(property, { numRuns: 1000 });
});

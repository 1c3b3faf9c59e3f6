import { describe, expect, test } from 'vitest';
import { decodePacket, encodePacket, newFrame, type Packet, ProtocolFault, readFrame, type Version } from './index.ts';
import { accumulatingReader, placeOf } from './testing/frames.ts';
import { type Fixture, readFixtures } from './testing/read-fixtures.ts';

const files = ['golden', 'connect', 'connack', 'publish', 'acknowledgements', 'subscriptions', 'link'];
const good = files.flatMap(readFixtures);
const bad = readFixtures('faults');

function decode(bytes: Buffer, version: Version): Packet {
  const { firstByte, start, end } = placeOf(bytes);
  return decodePacket(bytes, firstByte, start, end, version);
}

function packetOf(fixture: Fixture): Packet {
  if (fixture.packet === null) throw new Error(`${fixture.name}: no packet`);
  return fixture.packet;
}

describe('a packet of the fixtures', () => {
  test.each(good)('decodes: $name', (fixture) => {
    expect(decode(fixture.bytes, fixture.version)).toStrictEqual(packetOf(fixture));
  });

  test.each(good)('encodes: $name', (fixture) => {
    const bytes = encodePacket(packetOf(fixture), fixture.version);
    if (fixture.oneWay) {
      expect(bytes.equals(fixture.bytes)).toBe(false);
      expect(decode(bytes, fixture.version)).toStrictEqual(packetOf(fixture));
    } else {
      expect(bytes.toString('hex')).toBe(fixture.bytes.toString('hex'));
    }
  });

  test.each(good)('decodes from the middle of a larger buffer: $name', (fixture) => {
    const around = Buffer.alloc(7, 0xff);
    const buf = Buffer.concat([around, fixture.bytes, around]);
    const frame = newFrame();
    expect(readFrame(buf, 7, buf.length, frame)).toBe(1);
    expect(frame.bodyEnd).toBe(7 + fixture.bytes.length);
    const packet = decodePacket(buf, frame.firstByte, frame.bodyStart, frame.bodyEnd, fixture.version);
    buf.fill(0); // what was decoded may not refer to the buffer
    expect(packet).toStrictEqual(packetOf(fixture));
  });

  test.each(good)('is whole only with its last byte: $name', ({ bytes }) => {
    const frame = newFrame();
    for (let limit = 0; limit < bytes.length; limit++) {
      expect(readFrame(bytes, 0, limit, frame)).toBe(0);
      const headerIsThere = limit >= placeOf(bytes).start;
      expect(frame.bodyEnd).toBe(headerIsThere ? bytes.length : 0);
    }
    expect(readFrame(bytes, 0, bytes.length, frame)).toBe(1);
  });

  test.each(good)('holds no truth when it is cut at any byte: $name', ({ bytes, version }) => {
    const { firstByte, start, end } = placeOf(bytes);
    for (let cut = start; cut < end; cut++) {
      let packet: Packet;
      try {
        packet = decodePacket(bytes, firstByte, start, cut, version);
      } catch (error) {
        expect(error).toBeInstanceOf(ProtocolFault);
        continue;
      }
      // A cut may leave a shorter packet that is right (fewer filters, less payload): it must then mean its own bytes.
      const again = encodePacket(packet, version);
      const place = placeOf(again);
      expect(place.end - place.start).toBeLessThanOrEqual(cut - start);
      expect(decode(again, version)).toStrictEqual(packet);
    }
  });

  test('is never right when a CONNECT of 3.1.1 or 5.0 is cut', () => {
    const connects = good.filter(({ bytes, version }) => bytes[0] === 0x10 && version > 3);
    expect(connects.length).toBeGreaterThan(5);
    for (const { bytes, version } of connects) {
      const { firstByte, start, end } = placeOf(bytes);
      for (let cut = start; cut < end; cut++) {
        expect(() => decodePacket(bytes, firstByte, start, cut, version)).toThrow(ProtocolFault);
      }
    }
  });
});

describe('a stream of all fixtures of one version', () => {
  test.each([3, 4, 5] as const)('gives the same packets of version %i whatever the chunks', (version) => {
    const fixtures = good.filter((fixture) => fixture.version === version);
    const stream = Buffer.concat(fixtures.map(({ bytes }) => bytes));
    for (const size of [1, 2, 3, 7, 64, stream.length]) {
      const packets: Packet[] = [];
      const read = accumulatingReader((buf, { firstByte, start, end }) => {
        packets.push(decodePacket(buf, firstByte, start, end, version));
      });
      for (let at = 0; at < stream.length; at += size) read(stream.subarray(at, at + size));
      expect(packets).toStrictEqual(fixtures.map(packetOf));
    }
  });

  test.each([3, 4, 5] as const)('gives the same packets of version %i when it is cut in two at any byte', (version) => {
    const fixtures = good.filter((fixture) => fixture.version === version);
    const stream = Buffer.concat(fixtures.map(({ bytes }) => bytes));
    for (let cut = 0; cut <= stream.length; cut++) {
      const types: string[] = [];
      const read = accumulatingReader((buf, { firstByte, start, end }) => {
        types.push(decodePacket(buf, firstByte, start, end, version).type);
      });
      read(stream.subarray(0, cut));
      read(stream.subarray(cut));
      expect(types).toStrictEqual(fixtures.map((fixture) => packetOf(fixture).type));
    }
  });
});

describe('a packet that breaks the protocol', () => {
  test.each(bad)('is refused with reason and clause: $name', ({ bytes, version, fault }) => {
    let thrown: unknown;
    try {
      decode(bytes, version);
    } catch (error) {
      thrown = error;
    }
    expect(thrown).toBeInstanceOf(ProtocolFault);
    const { reason, message } = thrown as ProtocolFault;
    expect({ reason, text: message }).toStrictEqual(fault);
  });
});

import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  type Carrier,
  connectVersion,
  decodePacket,
  decodeProperties,
  encodePacket,
  newAckView,
  newFrame,
  newPublishView,
  ProtocolFault,
  readAck,
  readFrame,
  readPublish,
  type Version,
} from './index.ts';
import { packetArbitrary } from './testing/arbitraries.ts';
import { placeOf } from './testing/frames.ts';

const version = fc.constantFrom<Version>(3, 4, 5);

/** Runs what may throw a ProtocolFault; anything else that it throws fails the test. */
function survives(run: () => void): void {
  try {
    run();
  } catch (error) {
    if (!(error instanceof ProtocolFault)) throw error;
    const isNamed = /^[A-Z]+( will)?: |^packet type 0/.test(error.message);
    if (!isNamed || error.reason < 0x81) throw error;
  }
}

function decodeAll(buf: Buffer, firstByte: number, start: number, end: number, of: Version): void {
  survives(() => {
    const packet = decodePacket(buf, firstByte, start, end, of);
    // whatever was taken is something that we can say ourselves
    encodePacket(packet, packet.type === 'connect' ? packet.version : of);
  });
  survives(() => readPublish(buf, firstByte, start, end, of, newPublishView()));
  survives(() => readAck(buf, 0x40 | (firstByte & 0x3f), start, end, of, newAckView()));
  connectVersion(buf, start, end);
}

describe('bytes of no meaning', () => {
  test('end in a ProtocolFault or a packet, for every first byte', () => {
    const body = fc.oneof(fc.uint8Array({ maxLength: 40 }), fc.uint8Array({ maxLength: 40, max: 8 }));
    const property = fc.property(body, version, (array, of) => {
      const bytes = Buffer.from(array);
      for (let first = 0; first < 256; first++) decodeAll(bytes, first, 0, bytes.length, of);
    });
    fc.assert(property, { numRuns: 40 });
  });

  test('end in a ProtocolFault or properties', () => {
    const carriers = fc.constantFrom<Carrier>('connect', 'connack', 'publish', 'will', 'subscribe', 'disconnect');
    const id = fc.integer({ min: 0, max: 0x2b });
    const entry = fc.tuple(id, fc.uint8Array({ maxLength: 8, max: 4 })).map(([first, rest]) => [first, ...rest]);
    const block = fc.array(entry, { maxLength: 6 }).map((entries) => Buffer.from(entries.flat()));
    const property = fc.property(block, carriers, (bytes, carrier) => {
      survives(() => void decodeProperties(bytes, 0, bytes.length, carrier));
    });
    fc.assert(property, { numRuns: 3000 });
  });

  test('never make a frame that starts before its header or ends before its start', () => {
    const property = fc.property(fc.uint8Array({ maxLength: 8 }), (array) => {
      const bytes = Buffer.from(array);
      const frame = newFrame();
      const found = readFrame(bytes, 0, bytes.length, frame);
      if (found === 1) expect(frame.bodyEnd).toBeLessThanOrEqual(bytes.length);
      if (frame.bodyEnd > 0) expect(frame.bodyEnd).toBeGreaterThanOrEqual(frame.bodyStart);
      if (found === -1) expect(frame.bodyEnd).toBe(0);
    });
    fc.assert(property, { numRuns: 5000 });
  });
});

describe('a packet with damage', () => {
  test.each([3, 4, 5] as const)('of version %i ends in a ProtocolFault or another packet', (of) => {
    const damage = fc.array(fc.tuple(fc.nat(), fc.oneof(fc.constantFrom(0, 1, 0x7f, 0x80, 0xff), fc.nat(255))), {
      minLength: 1,
      maxLength: 3,
    });
    const property = fc.property(packetArbitrary(of), damage, fc.nat(), (packet, hits, cut) => {
      const bytes = encodePacket(packet, of);
      const { firstByte, start, end } = placeOf(bytes);
      if (end === start) return;
      for (const [where, value] of hits) bytes[start + (where % (end - start))] = value;
      decodeAll(bytes, firstByte, start, end, of);
      decodeAll(bytes, firstByte, start, start + (cut % (end - start)), of);
    });
    fc.assert(property, { numRuns: 800 });
  });

  test('of 65,535 slashes as topic, filter and will is a packet like any other', () => {
    const deep = '/'.repeat(65_535);
    const entry = { filter: deep, qos: 0, noLocal: false, retainAsPublished: false, retainHandling: 0 } as const;
    const subscribe = { type: 'subscribe', packetId: 1, subscriptions: [entry], properties: {} } as const;
    const bytes = encodePacket(subscribe, 4);
    const { firstByte, start, end } = placeOf(bytes);
    expect(decodePacket(bytes, firstByte, start, end, 4)).toStrictEqual(subscribe);
  });
});

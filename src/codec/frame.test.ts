import { describe, expect, test } from 'vitest';
import { MAX_VARINT, newFrame, readFrame, varintLength, writeVarint } from './index.ts';
import { readVarint, VARINT_MALFORMED, VARINT_UNFINISHED } from './varint.ts';

// the edges of MQTT 5, table 1.1
const forms: readonly (readonly [number, string])[] = [
  [0, '00'],
  [1, '01'],
  [127, '7f'],
  [128, '8001'],
  [16_383, 'ff7f'],
  [16_384, '808001'],
  [2_097_151, 'ffff7f'],
  [2_097_152, '80808001'],
  [268_435_455, 'ffffff7f'],
];

describe('a variable byte integer', () => {
  test.each(forms)('of %i has the form %s', (value, hex) => {
    const buf = Buffer.alloc(6, 0xee);
    const next = writeVarint(buf, 1, value);
    expect(buf.toString('hex', 1, next)).toBe(hex);
    expect(buf[next]).toBe(0xee);
    expect(varintLength(value)).toBe(hex.length / 2);
    expect(readVarint(buf, 1, next)).toBe(value);
    for (let limit = 1; limit < next; limit++) expect(readVarint(buf, 1, limit)).toBe(VARINT_UNFINISHED);
  });

  test.each(['8000', '808000', '80808000', 'ff00', '80808080', 'ffffffff', '8080808001', 'ffffffff7f'])(
    'is malformed as %s',
    (hex) => {
      const buf = Buffer.from(hex, 'hex');
      expect(readVarint(buf, 0, buf.length)).toBe(VARINT_MALFORMED);
    },
  );

  test('ends at 268,435,455', () => {
    expect(MAX_VARINT).toBe(forms.at(-1)?.[0]);
  });
});

describe('a frame', () => {
  test('says how far the packet goes as soon as its header is there', () => {
    const frame = newFrame();
    const header = Buffer.from('30ffffff7f', 'hex'); // 256 MiB announced
    for (let limit = 0; limit < header.length; limit++) {
      expect(readFrame(header, 0, limit, frame)).toBe(0);
      expect(frame.bodyEnd).toBe(0);
    }
    expect(readFrame(header, 0, header.length, frame)).toBe(0);
    expect(frame).toStrictEqual({ firstByte: 0x30, bodyStart: 5, bodyEnd: 5 + MAX_VARINT });
  });

  test('forgets the packet before it', () => {
    const frame = newFrame();
    const buf = Buffer.from('c000d0', 'hex');
    expect(readFrame(buf, 0, 3, frame)).toBe(1);
    expect(frame).toStrictEqual({ firstByte: 0xc0, bodyStart: 2, bodyEnd: 2 });
    expect(readFrame(buf, 2, 3, frame)).toBe(0);
    expect(frame.bodyEnd).toBe(0);
  });

  test('does not look behind the limit', () => {
    const frame = newFrame();
    const buf = Buffer.from('400200017f', 'hex');
    expect(readFrame(buf, 0, 3, frame)).toBe(0);
    expect(readFrame(buf, 0, 4, frame)).toBe(1);
  });

  test('is malformed with a fifth length byte and with a longer form than the length needs', () => {
    const frame = newFrame();
    expect(readFrame(Buffer.from('30ffffffff', 'hex'), 0, 5, frame)).toBe(-1);
    expect(readFrame(Buffer.from('c08000', 'hex'), 0, 3, frame)).toBe(-1);
    expect(frame.bodyEnd).toBe(0);
  });
});

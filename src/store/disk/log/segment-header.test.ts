import { expect, it } from 'vitest';
import { crc32c } from '../crc32c.ts';
import { seedOf } from './batch.ts';
import { decodeHeader, encodeHeader, type SegmentHeader, saltOf, sealHeader } from './segment-header.ts';

const incarnation = 'c0ffee01-4455-6677-8899-aabbccddeeff';
const header: SegmentHeader = {
  sequence: 5,
  salt: saltOf(incarnation),
  incarnation,
  nextNumber: 77,
  bytes: 65_536,
  anew: true,
  beforeEnd: 4160,
};

it('gives back what was put in; its salt is what no client knows of the incarnation', () => {
  expect(decodeHeader(encodeHeader(header))).toEqual(header);
  expect(header.salt).toBe(0xc0ffee01);
});

it('of version 1 had no salt, and none was in the checksums of its records', () => {
  const block = encodeHeader({ ...header, salt: 0 });
  block.writeUInt32LE(1, 8);
  sealHeader(block);
  expect(decodeHeader(block)).toEqual({ ...header, salt: 0 });
  expect(seedOf({ sequence: 5, salt: 0 })).toBe(crc32c(Uint8Array.of(5, 0, 0, 0), 0, 4));
  expect(seedOf(header)).not.toBe(seedOf({ sequence: 5, salt: 0 }));
});

it('of a newer version is not read', () => {
  const block = encodeHeader(header);
  block.writeUInt32LE(3, 8);
  sealHeader(block);
  expect(decodeHeader(block)).toBe(3);
});

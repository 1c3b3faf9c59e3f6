import fc from 'fast-check';
import { expect, it } from 'vitest';
import { isoMicroseconds } from '../decoders/index.ts';
import { isoTime } from './time-text.ts';

it('is ISO 8601 with six decimals', () => {
  expect(isoTime(0)).toBe('1970-01-01T00:00:00.000000Z');
  expect(isoTime(1_795_245_956_123_456)).toBe('2026-11-21T07:25:56.123456Z');
  expect(isoTime(-1)).toBe('1969-12-31T23:59:59.999999Z');
  expect(isoTime(951_782_399_999_999)).toBe('2000-02-28T23:59:59.999999Z');
  expect(isoTime(951_782_400_000_000)).toBe('2000-02-29T00:00:00.000000Z');
});

it('is what the decoder reads back, and what Date writes', () => {
  fc.assert(
    fc.property(fc.integer({ min: -62_000_000_000_000_000 / 10, max: Number.MAX_SAFE_INTEGER }), (us) => {
      const text = isoTime(us);
      expect(isoMicroseconds(text)).toBe(us);
      expect(text.slice(0, 23)).toBe(new Date(Math.floor(us / 1000)).toISOString().slice(0, 23));
    }),
    { numRuns: 1000 },
  );
});

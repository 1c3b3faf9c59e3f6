import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { formatMicros, formatMicrosOrNull, parseIsoMicros } from './time.ts';

const MAX_US = Number.MAX_SAFE_INTEGER;

describe('ISO times', () => {
  it('are written in UTC with exactly six decimals', () => {
    expect(formatMicros(0)).toBe('1970-01-01T00:00:00.000000Z');
    expect(formatMicros(1_795_244_580_123_456)).toBe('2026-11-21T07:03:00.123456Z');
    expect(formatMicros(-1)).toBe('1969-12-31T23:59:59.999999Z');
    expect(formatMicros(MAX_US)).toBe('2255-06-05T23:47:34.740991Z');
    expect(formatMicrosOrNull(null)).toBeNull();
  });

  it('keep each microsecond on the way out and in again', () => {
    fc.assert(
      fc.property(fc.integer({ min: -MAX_US, max: MAX_US }), (us) => {
        expect(parseIsoMicros(formatMicros(us))).toBe(us);
      }),
    );
  });

  it('agree with the calendar of the language', () => {
    fc.assert(
      fc.property(fc.date({ min: new Date(-8e12), max: new Date(8e12), noInvalidDate: true }), (date) => {
        expect(parseIsoMicros(date.toISOString())).toBe(date.getTime() * 1000);
        expect(formatMicros(date.getTime() * 1000)).toBe(date.toISOString().replace('Z', '000Z'));
      }),
    );
  });

  it.each([
    ['2026-11-21', '2026-11-21T00:00:00.000000Z'],
    ['2026-11-21T07:03', '2026-11-21T07:03:00.000000Z'],
    ['2026-11-21T07:03:00', '2026-11-21T07:03:00.000000Z'],
    ['2026-11-21 07:03:00Z', '2026-11-21T07:03:00.000000Z'],
    ['2026-11-21t07:03:00z', '2026-11-21T07:03:00.000000Z'],
    ['2026-11-21T07:03:00.1Z', '2026-11-21T07:03:00.100000Z'],
    ['2026-11-21T07:03:00,123456', '2026-11-21T07:03:00.123456Z'],
    ['2026-11-21T08:03:00+01:00', '2026-11-21T07:03:00.000000Z'],
    ['2026-11-21T08:03:00 01:00', '2026-11-21T07:03:00.000000Z'],
    ['2026-11-21T01:33:00-0530', '2026-11-21T07:03:00.000000Z'],
    ['2026-11-21T08:03:00+01', '2026-11-21T07:03:00.000000Z'],
    ['2024-02-29T00:00:00Z', '2024-02-29T00:00:00.000000Z'],
  ])('reads %s', (text, meaning) => {
    expect(formatMicros(parseIsoMicros(text) ?? Number.NaN)).toBe(meaning);
  });

  it('rounds nanoseconds up, so that neither bound moves past a microsecond', () => {
    expect(parseIsoMicros('1970-01-01T00:00:00.000001000Z')).toBe(1);
    expect(parseIsoMicros('1970-01-01T00:00:00.000001001Z')).toBe(2);
    expect(parseIsoMicros('1970-01-01T00:00:00.999999999Z')).toBe(1_000_000);
  });

  it.each([
    '',
    'yesterday',
    '2026-11-21T07',
    '2026-13-01',
    '2026-00-01',
    '2026-02-29',
    '1900-02-29',
    '2026-04-31',
    '2026-11-21T24:00:00Z',
    '2026-11-21T07:60:00Z',
    '2026-11-21T07:03:60Z',
    '2026-11-21T07:03:00.1234567890Z',
    '2026-11-21T07:03:00.Z',
    '2026-11-21T07:03:00+24:00',
    '2026-11-21T07:03:00+01:60',
    '2026-11-21Z',
    '1795244580',
    '9999-12-31T00:00:00Z',
    '0000-01-01T00:00:00Z',
    '2026-11-21T07:03:00Z\n',
    '２０２６-11-21',
  ])('refuses %j', (text) => {
    expect(parseIsoMicros(text)).toBeNull();
  });
});

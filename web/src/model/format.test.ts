import { expect, it } from 'vitest';
import { formatAge, formatBytes, formatNumber, formatRate, formatShort, isoMicros, parseIsoMicros } from './format.ts';

it('writes ages in the unit that fits', () => {
  const cases: readonly [ms: number, text: string][] = [
    [-50, 'now'],
    [1499, 'now'],
    [1500, '1 s'],
    [59_999, '59 s'],
    [60_000, '1 min'],
    [3_600_000, '1 h'],
    [47 * 3_600_000, '47 h'],
    [48 * 3_600_000, '2 d'],
  ];
  for (const [ms, text] of cases) expect(formatAge(ms)).toBe(text);
});

it('writes counts and rates in at most five characters', () => {
  const cases: readonly [count: number, text: string][] = [
    [0, '0'],
    [999, '999'],
    [1000, '1k'],
    [12_345, '12.3k'],
    [999_499, '999k'],
    [999_500, '1M'],
    [123_456_789, '123M'],
  ];
  for (const [count, text] of cases) expect(formatShort(count)).toBe(text);
  expect(formatRate(0.25)).toBe('0.3');
  expect(formatRate(83.4)).toBe('83');
});

it('writes sizes in decimal units', () => {
  expect(formatBytes(1)).toBe('1 byte');
  expect(formatBytes(999)).toBe('999 bytes');
  expect(formatBytes(1024)).toBe('1 kB');
  expect(formatBytes(2_500_000)).toBe('2.5 MB');
});

it('shows a number as it was sent while it is short, else to seven digits', () => {
  expect(formatNumber(22.25)).toBe('22.25');
  expect(formatNumber(1 / 3)).toBe('0.3333333');
  expect(formatNumber(-1e21)).toBe('-1e+21');
  expect(formatNumber(1013.2499999999)).toBe('1013.25');
});

it('keeps microseconds on the way to ISO 8601 and back', () => {
  for (const us of [0, 1, 999_999, 1_795_247_359_691_234]) expect(parseIsoMicros(isoMicros(us))).toBe(us);
  expect(isoMicros(1_795_247_359_691_234)).toBe('2026-11-21T07:49:19.691234Z');
  expect(parseIsoMicros('2026-11-21T07:49:19Z')).toBe(1_795_247_359_000_000);
  expect(parseIsoMicros('2026-11-21T07:49:19.6912Z')).toBe(1_795_247_359_691_200);
  expect(parseIsoMicros('yesterday')).toBeNaN();
});

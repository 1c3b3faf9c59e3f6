import { expect, it } from 'vitest';
import { expectedPoints } from './expected-points.ts';

const series = { count: 7200, first: '2026-11-21T06:00:00.000000Z', last: '2026-11-21T08:00:00.000000Z' };
const now = Date.parse('2026-11-21T08:00:00Z');

it('expects the share of the series that the window covers', () => {
  expect(expectedPoints(series, { kind: '1h' }, now)).toBe(3600);
  expect(expectedPoints(series, { kind: 'all' }, now)).toBe(7200);
});

it('expects nothing of a window without the series, or of no series', () => {
  const fromMs = Date.parse('2026-11-20T00:00:00Z');
  expect(expectedPoints(series, { kind: 'custom', fromMs, toMs: fromMs + 1000 }, now)).toBe(0);
  expect(expectedPoints(undefined, { kind: '1h' }, now)).toBe(0);
  expect(expectedPoints({ count: 0, first: null, last: null }, { kind: '1h' }, now)).toBe(0);
});

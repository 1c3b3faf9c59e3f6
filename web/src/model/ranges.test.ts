import { expect, it } from 'vitest';
import { drawnWindow, windowOf } from './ranges.ts';

const NOW = Date.parse('2026-11-21T08:00:00Z');
const MINUTE = 60_000;

it('ends a live window now and leaves it open for what comes', () => {
  expect(windowOf({ kind: '15m' }, NOW)).toEqual({ fromMs: NOW - 15 * MINUTE, toMs: null });
  expect(windowOf({ kind: 'all' }, NOW)).toEqual({ fromMs: null, toMs: null });
});

it('draws a young topic from its first value on, at least a minute wide', () => {
  expect(drawnWindow({ kind: '15m' }, NOW, NOW - 4 * MINUTE)).toEqual({ fromMs: NOW - 4 * MINUTE, toMs: NOW });
  expect(drawnWindow({ kind: '15m' }, NOW, NOW - 1000)).toEqual({ fromMs: NOW - MINUTE, toMs: NOW });
});

it('draws the whole window of an older topic, and of one of which nothing is known', () => {
  expect(drawnWindow({ kind: '15m' }, NOW, NOW - 90 * MINUTE).fromMs).toBe(NOW - 15 * MINUTE);
  expect(drawnWindow({ kind: '15m' }, NOW, null).fromMs).toBe(NOW - 15 * MINUTE);
});

it('draws all from the first value, and a custom span as it was asked for', () => {
  expect(drawnWindow({ kind: 'all' }, NOW, NOW - 90 * MINUTE).fromMs).toBe(NOW - 90 * MINUTE);
  expect(drawnWindow({ kind: 'all' }, NOW, null).fromMs).toBe(NOW - MINUTE);
  const custom = { kind: 'custom', fromMs: 5, toMs: 9 } as const;
  expect(drawnWindow(custom, NOW, NOW)).toEqual({ fromMs: 5, toMs: 9 });
});

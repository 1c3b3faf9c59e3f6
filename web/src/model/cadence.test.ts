import { expect, it } from 'vitest';
import type { Cadence } from './cadence.ts';
import { clockOffset, isStale, nextCadence } from './cadence.ts';

const after = (steps: readonly (readonly [atMs: number, messages: number])[]) =>
  steps.reduce<Cadence | undefined>(
    (cadence, [atMs, messages]) => nextCadence(cadence, atMs * 1000, messages),
    undefined,
  );

it('learns the pace from the time and the messages between two sights', () => {
  expect(
    after([
      [0, 1],
      [10_000, 6],
    ])?.periodMs,
  ).toBe(2000);
});

it('knows no pace from one sight, nor after the broker has started counting anew', () => {
  expect(after([[0, 7]])?.periodMs).toBeNull();
  expect(
    after([
      [0, 7],
      [1000, 8],
      [2000, 1],
    ])?.periodMs,
  ).toBeNull();
});

it('calls a value old after three of its own periods, and never below five seconds', () => {
  const slow = after([
    [0, 1],
    [60_000, 2],
  ]);
  expect(isStale(170_000, slow)).toBe(false);
  expect(isStale(181_000, slow)).toBe(true);
  const fast = after([
    [0, 1],
    [100, 2],
  ]);
  expect(isStale(4000, fast)).toBe(false);
  expect(isStale(6000, fast)).toBe(true);
});

it('gives a value of unknown pace a minute', () => {
  expect(isStale(59_000, undefined)).toBe(false);
  expect(isStale(61_000, undefined)).toBe(true);
});

it('believes a clock difference only beyond what a slow answer can hide', () => {
  const date = '2026-11-21T07:00:00.000000Z';
  const server = Date.parse(date);
  expect(clockOffset(date, server + 1500)).toBe(0);
  expect(clockOffset(date, server + 90_000)).toBe(90_000);
  expect(clockOffset('soon', server)).toBe(0);
});

import { expect, test } from 'vitest';
import { addHistogram, createHistogram, percentile, record } from './histogram.ts';
import { machineBusy, parseRss, parseStat, treeOf, treeUsage } from './proc.ts';
import { advance, createProgress } from './progress.ts';
import { accept, createChecker, missing } from './sequence.ts';
import { median, percentileOf, slopeOf, spreadOf } from './summary.ts';

test('percentiles are exact below 64 and within 1.6 % above', () => {
  const histogram = createHistogram();
  for (let i = 1; i <= 50; i += 1) record(histogram, i);
  expect(percentile(histogram, 0.5)).toBe(25);
  expect(percentile(histogram, 0.98)).toBe(49);
  expect(percentile(histogram, 1)).toBe(50);
  for (const value of [64, 100, 999, 12_345, 1_000_000, 3_600_000_000]) {
    const one = createHistogram();
    record(one, value);
    expect(Math.abs(percentile(one, 0.99) - value) / value).toBeLessThan(0.016);
  }
});

test('histograms of two processes add up, and an empty one has no percentile', () => {
  const a = createHistogram();
  const b = createHistogram();
  expect(percentile(a, 0.5)).toBeNaN();
  for (let i = 0; i < 99; i += 1) record(a, 10);
  record(b, 60);
  addHistogram(a, b);
  expect(a.total).toBe(100);
  expect(percentile(a, 0.99)).toBe(10);
  expect(percentile(a, 1)).toBe(60);
});

test('stamps that run backwards count as no time at all', () => {
  const histogram = createHistogram();
  record(histogram, -3);
  expect(percentile(histogram, 1)).toBe(0);
});

test('median, spread, percentile and slope', () => {
  expect(median([3, 1, 2])).toBe(2);
  expect(median([4, 1, 2, 3])).toBe(2.5);
  expect(median([])).toBeNaN();
  expect(spreadOf([3, 1, 2])).toEqual({ median: 2, min: 1, max: 3 });
  expect(percentileOf([5, 1, 4, 2, 3], 0.99)).toBe(5);
  expect(percentileOf([5, 1, 4, 2, 3], 0.4)).toBe(2);
  expect(
    slopeOf([
      [0, 1],
      [1, 3],
      [2, 5],
    ]),
  ).toBeCloseTo(2);
  expect(slopeOf([[1, 1]])).toBeNaN();
});

test('a sequence in order is accepted, per publisher', () => {
  const checker = createChecker(10, 2);
  for (const [publisher, sequence] of [
    [10, 0],
    [11, 0],
    [10, 1],
    [11, 1],
  ] as const)
    expect(accept(checker, publisher, sequence)).toBe(true);
  expect(checker.firstFault).toBe('');
  expect(missing(checker, [2, 2])).toBe(0);
  expect(missing(checker, [3, 4])).toBe(3);
});

test('a repeated, a skipped and a foreign message are each counted and the first is named', () => {
  const checker = createChecker(0, 1);
  accept(checker, 0, 0);
  expect(accept(checker, 0, 0)).toBe(false);
  expect(accept(checker, 0, 3)).toBe(false);
  expect(accept(checker, 0, 4)).toBe(true);
  expect(accept(checker, 5, 0)).toBe(false);
  expect(accept(checker, Number.NaN, Number.NaN)).toBe(false);
  expect(checker).toMatchObject({ duplicates: 1, gaps: 2, foreign: 2 });
  expect(checker.firstFault).toMatch(/publisher 0: 0 came again/);
});

test('progress is that of the slowest receiver', () => {
  const progress = createProgress(2, 3);
  expect(advance(progress, 0)).toBe(false);
  expect(advance(progress, 1)).toBe(false);
  expect(advance(progress, 0)).toBe(true);
  expect(progress.reached).toBe(1);
  expect(advance(progress, 2)).toBe(false);
  expect(advance(progress, 1)).toBe(true);
  expect(advance(progress, 2)).toBe(true);
  expect(progress.reached).toBe(3);
});

test('progress goes round its ring many times', () => {
  const progress = createProgress(3, 4);
  for (let sequence = 0; sequence < 100; sequence += 1) for (let i = 0; i < 3; i += 1) advance(progress, sequence);
  expect(progress.reached).toBe(100);
});

const stat = (pid: number, name: string, parent: number, ticks: readonly [number, number, number, number]): string =>
  `${pid} (${name}) S ${parent} 1 1 0 -1 4194560 100 0 0 0 ${ticks.join(' ')} 20 0 7 0 161330 3133440 383`;

test('a process name with brackets and spaces does not shift the fields', () => {
  expect(parseStat(stat(12, 'a) (b c', 3, [4, 5, 6, 7]))).toEqual({ pid: 12, parent: 3, ownTicks: 9, childTicks: 13 });
  expect(() => parseStat('nothing')).toThrow(/stat line/);
});

test('a tree holds all descendants and nobody else', () => {
  const all = [
    [5, 1],
    [6, 5],
    [7, 6],
    [8, 1],
    [9, 5],
  ].map(([pid, parent]) => parseStat(stat(pid!, 'x', parent!, [0, 0, 0, 0])));
  expect(treeOf(5, all).map((one) => one.pid)).toEqual([5, 6, 9, 7]);
  expect(treeOf(4, all)).toEqual([]);
});

test('the machine is busy with all that is neither idle nor waiting for a disk', () => {
  const before = 'cpu  100 0 100 1000 0 0 0 0 0 0\ncpu0 ...';
  const after = 'cpu  150 0 120 1100 20 0 0 10 0 0\ncpu0 ...';
  expect(machineBusy(before, after)).toBeCloseTo(80 / 200);
});

test('resident memory is read in bytes, and a zombie has none', () => {
  expect(parseRss('Name:\tx\nVmRSS:\t  1024 kB\n')).toBe(1024 * 1024);
  expect(parseRss('Name:\tx\nState:\tZ\n')).toBe(0);
});

test.runIf(process.platform === 'linux')('this process itself can be read, and one that is gone is an error', () => {
  const usage = treeUsage(process.pid);
  expect(usage.pids).toContain(process.pid);
  expect(usage.cpuMicros).toBeGreaterThan(0);
  expect(usage.rssBytes).toBeGreaterThan(10_000_000);
  expect(() => treeUsage(2 ** 30)).toThrow(/is gone/);
});

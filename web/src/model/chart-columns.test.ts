import { describe, expect, it } from 'vitest';
import type { DiskPart } from './chart-columns.ts';
import { buildColumns, diskEndUs, summarise } from './chart-columns.ts';

const S = 1_000_000;
const raw = (...points: [number, number | null][]): DiskPart => ({ kind: 'raw', points });
const live = (...points: [number, number | null][]) =>
  points.map(([atUs, value]) => ({ atUs, arrivedUs: atUs, value }));

describe('a chart from disk, then live', () => {
  it('draws a live point once history gave it only from history', () => {
    const columns = buildColumns(raw([1 * S, 10], [2 * S, 20]), live([2 * S, 20], [3 * S, 30]), null);
    expect(columns.x).toEqual([1, 2, 3]);
    expect(columns.value).toEqual([10, 20, 30]);
  });

  it('marks what came after the last commit, joined to the last sure value', () => {
    const columns = buildColumns(raw([1 * S, 10]), live([2 * S, 20], [3 * S, 30]), 2 * S);
    expect(columns.pending).toEqual([null, 20, 30]);
    expect(columns.pendingCount).toBe(1);
  });

  it('marks every live point while nothing is known of commits', () => {
    const columns = buildColumns(raw([1 * S, 10]), live([2 * S, 20], [3 * S, 30]), null);
    expect(columns.pending).toEqual([10, 20, 30]);
    expect(columns.pendingCount).toBe(2);
  });

  it('marks all of a chart without history', () => {
    const columns = buildColumns(raw(), live([2 * S, 20], [3 * S, 30]), null);
    expect(columns.pendingCount).toBe(2);
  });

  it('goes by the arrival, whatever time the payload gives', () => {
    const late = [{ atUs: 2 * S, arrivedUs: 90 * S, value: 5 }];
    expect(buildColumns(raw(), late, 50 * S).pendingCount).toBe(1);
  });

  it('marks nothing that was committed', () => {
    expect(buildColumns(raw(), live([2 * S, 20]), 2 * S).pendingCount).toBe(0);
  });

  it('breaks the line at a gap mark and leaves text out', () => {
    const columns = buildColumns(
      {
        kind: 'raw',
        points: [
          [S, 1],
          [2 * S, null],
          [3 * S, 'text'],
          [4 * S, 2],
        ],
      },
      [],
      null,
    );
    expect(columns.value).toEqual([1, null, 2]);
  });

  it('keeps least and greatest of buckets, and goes on with single values', () => {
    const columns = buildColumns({ kind: 'buckets', buckets: [[S, 1, 2, 3]], tail: [] }, live([2 * S, 9]), 9 * S);
    expect([columns.min, columns.value, columns.max]).toEqual([
      [1, null],
      [2, 9],
      [3, null],
    ]);
  });

  it('draws the newest points one by one in place of the buckets that cover them', () => {
    const disk: DiskPart = {
      kind: 'buckets',
      buckets: [
        [S, 1, 2, 3],
        [5 * S, 4, 5, 6],
      ],
      tail: [
        [4 * S, 7],
        [6 * S, 8],
      ],
    };
    const columns = buildColumns(disk, live([6 * S, 8], [7 * S, 9]), 9 * S);
    expect(columns.x).toEqual([1, 4, 6, 7]);
    expect(columns.value).toEqual([2, 7, 8, 9]);
  });

  it('knows where the disk part ends', () => {
    expect(diskEndUs(raw())).toBe(Number.NEGATIVE_INFINITY);
    expect(diskEndUs(raw([5 * S, 1]))).toBe(5 * S);
  });
});

it('sums up what stands in the window, extremes of buckets included', () => {
  const columns = buildColumns(
    {
      kind: 'buckets',
      buckets: [
        [1 * S, 0, 2, 9],
        [2 * S, 1, 4, 5],
        [50 * S, -9, 0, 99],
      ],
      tail: [],
    },
    [],
    null,
  );
  expect(summarise(columns, 0, 10)).toEqual({ min: 0, mean: 3, max: 9, samples: 2 });
  expect(summarise(columns, 60, 70)).toBeNull();
});

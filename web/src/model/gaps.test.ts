import { expect, it } from 'vitest';
import { buildColumns } from './chart-columns.ts';
import { breakGaps } from './gaps.ts';

const S = 1_000_000;
const columnsAt = (...seconds: number[]) =>
  buildColumns({ kind: 'raw', points: seconds.map((s) => [s * S, s] as const) }, [], null);

it('breaks the line in the middle of an outage', () => {
  const columns = breakGaps(columnsAt(0, 1, 2, 3, 103, 104));
  expect(columns.x).toEqual([0, 1, 2, 3, 53, 103, 104]);
  expect(columns.value).toEqual([0, 1, 2, 3, null, 103, 104]);
});

it('takes a slow topic by its own pace', () => {
  expect(breakGaps(columnsAt(0, 60, 120, 400, 460)).x).toHaveLength(5);
});

it('does not take a short stutter of a fast topic for an outage', () => {
  expect(breakGaps(columnsAt(0, 0.1, 0.2, 0.3, 4, 4.1)).x).toHaveLength(6);
});

it('leaves nothing, one and two values as they are', () => {
  for (const seconds of [[], [5], [5, 5000]]) expect(breakGaps(columnsAt(...seconds)).value).toEqual(seconds);
});

import type { Columns } from './chart-columns.ts';

/** A pause of so many usual distances is one. */
const TIMES_USUAL = 8;
/** Shorter pauses are a slow network, not a missing device. */
const LEAST_PAUSE_S = 5;

/**
 * Breaks the line where nothing came for much longer than usual: a straight line over an outage would look like values.
 * The usual distance is the median, which a few pauses do not move.
 */
export function breakGaps(columns: Columns): Columns {
  const pauseS = pauseOf(columns.x);
  const out: Columns = { x: [], value: [], min: [], max: [], pending: [], pendingCount: columns.pendingCount };
  for (let i = 0; i < columns.x.length; i++) {
    const x = columns.x[i]!;
    const before = columns.x[i - 1];
    if (before !== undefined && x - before > pauseS) push(out, (before + x) / 2, null, null, null, null);
    push(out, x, columns.value[i]!, columns.min[i]!, columns.max[i]!, columns.pending[i]!);
  }
  return out;
}

function pauseOf(x: readonly number[]): number {
  const distances = x.slice(1).map((one, i) => one - x[i]!);
  distances.sort((a, b) => a - b);
  const usual = distances[distances.length >> 1] ?? 0;
  return Math.max(LEAST_PAUSE_S, TIMES_USUAL * usual);
}

type Cell = number | null;

function push(out: Columns, x: number, value: Cell, min: Cell, max: Cell, pending: Cell): void {
  out.x.push(x);
  out.value.push(value);
  out.min.push(min);
  out.max.push(max);
  out.pending.push(pending);
}

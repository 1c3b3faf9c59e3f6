import type { DecodedValue } from '../decoders/index.ts';

/** Rows of one transaction for the table `point`, as columns that are used again for each batch. */
export type PointRows = {
  count: number;
  series: Int32Array;
  times: Float64Array;
  arrived: Float64Array;
  seqs: Float64Array;
  /** NaN marks a gap. */
  values: Float64Array;
};

/** A row for the table `text`. */
export type TextRow = {
  readonly series: number;
  readonly timeUs: number;
  readonly arrivedUs: number;
  readonly seq: number;
  readonly value: Exclude<DecodedValue, number | null>;
};

export const KIND_TEXT = 0;
export const KIND_EXACT = 1;
export const KIND_BYTES = 2;

export function createPointRows(capacity = 16_384): PointRows {
  return {
    count: 0,
    series: new Int32Array(capacity),
    times: new Float64Array(capacity),
    arrived: new Float64Array(capacity),
    seqs: new Float64Array(capacity),
    values: new Float64Array(capacity),
  };
}

/** Adds a number, or a gap (NaN). */
export function addPoint(
  rows: PointRows,
  series: number,
  timeUs: number,
  arrivedUs: number,
  seq: number,
  value: number,
): void {
  const at = rows.count;
  if (at === rows.series.length) grow(rows);
  rows.series[at] = series;
  rows.times[at] = timeUs;
  rows.arrived[at] = arrivedUs;
  rows.seqs[at] = seq;
  rows.values[at] = value;
  rows.count = at + 1;
}

function grow(rows: PointRows): void {
  const larger = createPointRows(rows.series.length * 2);
  larger.series.set(rows.series);
  larger.times.set(rows.times);
  larger.arrived.set(rows.arrived);
  larger.seqs.set(rows.seqs);
  larger.values.set(rows.values);
  rows.series = larger.series;
  rows.times = larger.times;
  rows.arrived = larger.arrived;
  rows.seqs = larger.seqs;
  rows.values = larger.values;
}

/** What a chart shows of one field, as columns; times are seconds since 1970, as uPlot wants them. */
export type Columns = {
  readonly x: number[];
  /** Value, or the mean of a bucket; null breaks the line. */
  readonly value: (number | null)[];
  readonly min: (number | null)[];
  readonly max: (number | null)[];
  /** Same as `value` where it may not be on disk yet, else null; joined to the last sure one. */
  readonly pending: (number | null)[];
  /** How many samples are pending: all at the end. */
  pendingCount: number;
};

/** History's answer for a window. */
export type DiskPart =
  | { readonly kind: 'raw'; readonly points: readonly RawPoint[] }
  /** `tail`: the newest points one by one, drawn in place of the buckets that cover them. */
  | { readonly kind: 'buckets'; readonly buckets: readonly Bucket[]; readonly tail: readonly RawPoint[] };

export type RawPoint = readonly [atUs: number, value: PointValue];
export type Bucket = readonly [atUs: number, min: number, avg: number, max: number];
/** A number, a gap mark, exact text, or bytes that are no text. */
export type PointValue = number | string | null | { readonly base64: string };

/** A live point: the time that it stands for, when it arrived, and its value; null is a gap mark. */
export type LivePoint = { readonly atUs: number; readonly arrivedUs: number; readonly value: number | null };

/** Time of the newest sample that came from disk; -Infinity when there is none. */
export function diskEndUs(disk: DiskPart): number {
  const last = disk.kind === 'raw' ? disk.points.at(-1) : (disk.tail.at(-1) ?? disk.buckets.at(-1));
  return last === undefined ? Number.NEGATIVE_INFINITY : last[0];
}

/**
 * Disk first, then what came live after it. A live point is pending until all that arrived by then is known to be on
 * disk (`sureUs`), or history has given the point back itself.
 */
export function buildColumns(disk: DiskPart, live: readonly LivePoint[], sureUs: number | null): Columns {
  const out: Columns = { x: [], value: [], min: [], max: [], pending: [], pendingCount: 0 };
  const points = disk.kind === 'raw' ? disk.points : disk.tail;
  if (disk.kind === 'buckets') {
    const tailUs = points[0]?.[0] ?? Number.POSITIVE_INFINITY;
    for (const [atUs, min, avg, max] of disk.buckets) if (atUs < tailUs) push(out, atUs, avg, min, max);
  }
  for (const [atUs, value] of points) {
    if (typeof value === 'number' || value === null) push(out, atUs, value, null, null);
  }
  appendLive(out, live, diskEndUs(disk), sureUs ?? Number.NEGATIVE_INFINITY);
  return out;
}

function appendLive(out: Columns, live: readonly LivePoint[], afterUs: number, sureUs: number): void {
  for (const point of live) {
    if (point.atUs <= afterUs) continue;
    push(out, point.atUs, point.value, null, null);
    if (point.arrivedUs <= sureUs) continue;
    const at = out.x.length - 1;
    // The dashed part starts at the last sure sample, so that the line has no hole.
    if (at > 0 && out.pending[at - 1] === null) out.pending[at - 1] = out.value[at - 1] ?? null;
    out.pending[at] = point.value;
    out.pendingCount += 1;
  }
}

function push(out: Columns, atUs: number, value: number | null, min: number | null, max: number | null): void {
  out.x.push(atUs / 1e6);
  out.value.push(value);
  out.min.push(min);
  out.max.push(max);
  out.pending.push(null);
}

/** Least, mean and greatest of what is shown; null when there is nothing. */
export function summarise(columns: Columns, fromS: number, toS: number): Summary | null {
  let min = Number.POSITIVE_INFINITY;
  let max = Number.NEGATIVE_INFINITY;
  let sum = 0;
  let count = 0;
  for (let i = 0; i < columns.x.length; i++) {
    const value = columns.value[i];
    if (value === null || value === undefined || columns.x[i]! < fromS || columns.x[i]! > toS) continue;
    min = Math.min(min, columns.min[i] ?? value);
    max = Math.max(max, columns.max[i] ?? value);
    sum += value;
    count++;
  }
  return count === 0 ? null : { min, mean: sum / count, max, samples: count };
}

export type Summary = { readonly min: number; readonly mean: number; readonly max: number; readonly samples: number };

import type { DuckDBConnection, DuckDBDataChunk } from '@duckdb/node-api';
import type { DecodedValue } from '../decoders/index.ts';
import { HistoryError, type PointsQuery, type PointValue } from '../port.ts';
import type { SeriesColumns } from '../protocol.ts';
import type { Catalog, Series } from './catalog.ts';
import { KIND_BYTES } from './columns.ts';
import { doubles } from './rows.ts';

/** Rows of an answer as columns; what is no number stands in `others` by its row. NaN in `numbers` is a gap. */
export type PointColumns = {
  readonly times: Float64Array;
  readonly numbers: Float64Array;
  readonly others: readonly (readonly [row: number, value: PointValue])[];
};

export type BucketColumns = {
  readonly starts: Float64Array;
  readonly mins: Float64Array;
  readonly avgs: Float64Array;
  readonly maxs: Float64Array;
};

/** The series that a query names. Rejects an unknown one with HistoryError `unknown-series`. */
export function seriesOf(catalog: Catalog, query: Pick<PointsQuery, 'world' | 'topic' | 'field'>): Series {
  const series = catalog.find(query.world, query.topic, query.field);
  if (series === undefined || series.points + series.texts === 0) {
    throw new HistoryError('unknown-series', `history has no series ${query.field} of the topic ${query.topic}`);
  }
  return series;
}

/** Series of a world whose topic an MQTT filter matches, from memory. */
export function matchingSeries(catalog: Catalog, world: number, filter: string, limit: number): SeriesColumns {
  const found = catalog.match(world, filter, limit);
  return {
    ids: found.map((series) => series.id),
    topics: found.map((series) => series.topic.name),
    fields: found.map((series) => series.field),
    units: found.map((series) => series.unit),
    counts: found.map((series) => series.points + series.texts),
    firsts: found.map((series) => series.firstUs),
    lasts: found.map((series) => series.lastUs),
    lastValues: found.map((series) => publicValue(series.lastValue)),
  };
}

/** The first `limit` points of a series from `fromUs` on, before `toUs`, in the order of time, then arrival. */
export async function readPoints(
  connection: DuckDBConnection,
  series: Series,
  query: PointsQuery,
  limit: number,
): Promise<PointColumns> {
  const where = `series = ${series.id}${timeSql(query.fromUs, query.toUs)}`;
  const columns = "epoch_us(t)::DOUBLE AS us, coalesce(v, 'nan'::DOUBLE) AS v";
  const sql =
    series.texts === 0
      ? `SELECT ${columns} FROM point WHERE ${where} ORDER BY t, seq LIMIT ${limit}`
      : `SELECT us, v, kind, txt, bin FROM (
           SELECT t, seq, ${columns}, NULL::UTINYINT AS kind, NULL::VARCHAR AS txt, NULL::BLOB AS bin FROM point WHERE ${where}
           UNION ALL
           SELECT t, seq, epoch_us(t)::DOUBLE, 'nan'::DOUBLE, kind, txt, bin FROM text WHERE ${where}
         ) ORDER BY t, seq LIMIT ${limit}`;
  const result = await connection.stream(sql);
  const times: Float64Array[] = [];
  const numbers: Float64Array[] = [];
  const others: [number, PointValue][] = [];
  let total = 0;
  for (;;) {
    const chunk = await result.fetchChunk();
    if (chunk === null || chunk.rowCount === 0) break;
    times.push(doubles(chunk, 0).slice());
    numbers.push(doubles(chunk, 1).slice());
    if (series.texts > 0) {
      for (const [row, kind, txt, bin] of textCells(chunk)) others.push([total + row, textValue(kind, txt, bin)]);
    }
    total += chunk.rowCount;
  }
  return { times: joined(times, total), numbers: joined(numbers, total), others };
}

function textCells(chunk: DuckDBDataChunk): [number, number, unknown, unknown][] {
  const kinds = chunk.getColumnVector(2);
  const texts = chunk.getColumnVector(3);
  const blobs = chunk.getColumnVector(4);
  const cells: [number, number, unknown, unknown][] = [];
  for (let row = 0; row < chunk.rowCount; row++) {
    const kind = kinds.getItem(row);
    if (kind !== null) cells.push([row, Number(kind), texts.getItem(row), blobs.getItem(row)]);
  }
  return cells;
}

function textValue(kind: number, txt: unknown, bin: unknown): PointValue {
  if (kind !== KIND_BYTES) return String(txt);
  return { base64: Buffer.from((bin as { readonly bytes: Uint8Array }).bytes).toString('base64') };
}

/**
 * At most `buckets` buckets of equal width over the asked span, or over the series' own where none is asked. Empty ones
 * are left out; gap marks and text do not count.
 */
export async function readBuckets(
  connection: DuckDBConnection,
  series: Series,
  query: PointsQuery,
  buckets: number,
): Promise<BucketColumns> {
  const from = Math.floor(query.fromUs ?? series.firstUs);
  const to = Math.max(from + 1, Math.ceil(query.toUs ?? series.lastUs + 1));
  const width = Math.max(1, Math.ceil((to - from) / buckets));
  const result = await connection.run(
    `SELECT ((epoch_us(t) - ${from}) // ${width})::DOUBLE AS b, min(v), avg(v), max(v) FROM point
     WHERE series = ${series.id} AND v IS NOT NULL${timeSql(from, to)} GROUP BY b ORDER BY b`,
  );
  const parts: Float64Array[][] = [[], [], [], []];
  let total = 0;
  for (;;) {
    const chunk = await result.fetchChunk();
    if (chunk === null || chunk.rowCount === 0) break;
    parts.forEach((column, i) => {
      column.push(doubles(chunk, i).slice());
    });
    total += chunk.rowCount;
  }
  const [starts, mins, avgs, maxs] = parts.map((column) => joined(column, total));
  return { starts: starts!.map((bucket) => from + bucket * width), mins: mins!, avgs: avgs!, maxs: maxs! };
}

/** ` AND t >= .. AND t < ..` for what is given. Beyond what a TIMESTAMP holds there is no bound to set. */
export function timeSql(fromUs: number | null, toUs: number | null): string {
  const from = fromUs === null ? '' : ` AND t >= make_timestamp(${clamped(fromUs)})`;
  const to = toUs === null ? '' : ` AND t < make_timestamp(${clamped(toUs)})`;
  return from + to;
}

function clamped(us: number): number {
  return Math.min(Number.MAX_SAFE_INTEGER, Math.max(-Number.MAX_SAFE_INTEGER, Math.ceil(us)));
}

function joined(parts: readonly Float64Array[], total: number): Float64Array {
  const all = new Float64Array(total);
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return all;
}

/** A value as history gives it out. */
export function publicValue(value: DecodedValue): PointValue {
  if (value === null || typeof value === 'number' || typeof value === 'string') return value;
  return value instanceof Uint8Array ? { base64: Buffer.from(value).toString('base64') } : value.exact;
}

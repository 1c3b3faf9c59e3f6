import type { DuckDBConnection } from '@duckdb/node-api';
import type { Catalog, Series } from '../duckdb/catalog.ts';
import { seriesOf, timeSql } from '../duckdb/queries.ts';
import { rowsOf } from '../duckdb/rows.ts';
import { type ExportQuery, HistoryError } from '../port.ts';

/** What an export holds: which series, and the rows that stood in history when it was asked for. */
export type Plan = {
  readonly query: ExportQuery;
  readonly series: readonly Series[];
  readonly hasTexts: boolean;
  /** Rows that come later are not in it, so that all of its windows are of one moment. */
  readonly lastSeq: number;
  readonly fromUs: number;
  /** Exclusive. */
  readonly toUs: number;
};

/** A span of time, without its end, that holds few enough rows to be sorted in memory. */
export type Window = { readonly fromUs: number; readonly toUs: number };

/** Rows of a window: sorting them takes about 10 MB. */
const WINDOW_ROWS = 262_144;
const HISTOGRAM_BARS = 4096;

/** Rejects an unknown topic or field with HistoryError `unknown-series`. */
export function planExport(catalog: Catalog, query: ExportQuery, lastSeq: number): Plan {
  const series =
    query.field === null ? fieldsOf(catalog, query) : [seriesOf(catalog, { ...query, field: query.field })];
  const first = Math.min(...series.map((one) => one.firstUs));
  const last = Math.max(...series.map((one) => one.lastUs));
  return {
    query,
    series,
    hasTexts: series.some((one) => one.texts > 0),
    lastSeq,
    fromUs: Math.max(first, query.fromUs === null ? first : Math.ceil(query.fromUs)),
    toUs: Math.min(last + 1, query.toUs === null ? last + 1 : Math.ceil(query.toUs)),
  };
}

function fieldsOf(catalog: Catalog, query: ExportQuery): Series[] {
  const fields = catalog.findTopic(query.world, query.topic)?.fields.values() ?? [];
  const series = [...fields].filter((one) => one.points + one.texts > 0);
  if (series.length === 0) throw new HistoryError('unknown-series', `history has nothing of the topic ${query.topic}`);
  return series;
}

/** The rows of a plan within a window, as an SQL condition. */
export function whereSql(plan: Plan, window: Window): string {
  const ids = plan.series.map((one) => one.id).join(',');
  return `series IN (${ids}) AND seq <= ${plan.lastSeq}${timeSql(window.fromUs, window.toUs)}`;
}

/** Splits a plan into windows, in the order of time. The whole is counted in one pass over the table. */
export async function windowsOf(connection: DuckDBConnection, plan: Plan): Promise<readonly Window[]> {
  if (plan.fromUs >= plan.toUs) return [];
  const whole = { fromUs: plan.fromUs, toUs: plan.toUs };
  const rows = plan.series.reduce((sum, one) => sum + one.points + one.texts, 0);
  return rows <= WINDOW_ROWS ? [whole] : split(connection, plan, whole);
}

async function split(connection: DuckDBConnection, plan: Plan, span: Window): Promise<Window[]> {
  const width = Math.max(1, Math.ceil((span.toUs - span.fromUs) / HISTOGRAM_BARS));
  const count = (table: string): string =>
    `SELECT (epoch_us(t) - ${span.fromUs}) // ${width} AS bar, count(*) AS n FROM ${table} WHERE ${whereSql(plan, span)} GROUP BY bar`;
  const bars = await rowsOf(
    connection,
    `SELECT bar::DOUBLE, sum(n)::DOUBLE FROM (${count('point')}${plan.hasTexts ? ` UNION ALL ${count('text')}` : ''}) GROUP BY bar ORDER BY bar`,
  );
  const windows: Window[] = [];
  let fromUs = span.fromUs;
  let held = 0;
  const cut = (toUs: number): void => {
    if (held > 0) windows.push({ fromUs, toUs });
    fromUs = toUs;
    held = 0;
  };
  for (const [bar, n] of bars) {
    const start = span.fromUs + Number(bar) * width;
    const end = Math.min(span.toUs, start + width);
    if (held + Number(n) > WINDOW_ROWS) cut(start);
    // One bar alone may hold too many: a burst. A microsecond cannot be split further.
    if (Number(n) > WINDOW_ROWS && width > 1) {
      windows.push(...(await split(connection, plan, { fromUs: start, toUs: end })));
      fromUs = end;
    } else held += Number(n);
  }
  cut(span.toUs);
  return windows;
}

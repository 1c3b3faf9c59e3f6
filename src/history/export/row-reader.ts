import type { DuckDBConnection } from '@duckdb/node-api';
import { KIND_BYTES } from '../duckdb/columns.ts';
import { doubles, integers } from '../duckdb/rows.ts';
import { type Plan, type Window, whereSql } from './plan.ts';

/** A text cell, or bytes. */
export type TextCell = string | Uint8Array;

/** What takes an export's cells: one call a value, in the order of time, then arrival, then field. */
export type CellSink = {
  /** `column` counts the plan's series. `text` is null for a number; `value` is NaN for a gap. */
  cell(timeUs: number, arrivedUs: number, seq: number, column: number, value: number, text: TextCell | null): void;
};

/**
 * Reads the cells of one window. Between chunks of 2,048 rows the sink may be emptied: each chunk yields once, so that
 * nothing piles up and the writer of history gets its turn.
 */
export async function* readWindow(
  connection: DuckDBConnection,
  plan: Plan,
  window: Window,
  sink: CellSink,
): AsyncGenerator<void> {
  const columnOf = new Map(plan.series.map((one, index) => [one.id, index]));
  const where = whereSql(plan, window);
  const columns = 'epoch_us(t)::DOUBLE AS us, epoch_us(arrived)::DOUBLE AS arrived_us, seq::DOUBLE AS n, series';
  const numbers = `SELECT ${columns}, coalesce(v, 'nan'::DOUBLE) AS v FROM point WHERE ${where}`;
  const sql = plan.hasTexts
    ? `SELECT * FROM (
         SELECT *, NULL::UTINYINT AS kind, NULL::VARCHAR AS txt, NULL::BLOB AS bin FROM (${numbers})
         UNION ALL
         SELECT ${columns}, 'nan'::DOUBLE, kind, txt, bin FROM text WHERE ${where}
       ) ORDER BY us, n, series`
    : `${numbers} ORDER BY us, n, series`;
  const result = await connection.stream(sql);
  for (;;) {
    const chunk = await result.fetchChunk();
    const rowCount = chunk?.rowCount ?? 0;
    if (chunk === null || rowCount === 0) return;
    const times = doubles(chunk, 0);
    const arrived = doubles(chunk, 1);
    const seqs = doubles(chunk, 2);
    const series = integers(chunk, 3);
    const values = doubles(chunk, 4);
    const kinds = plan.hasTexts ? chunk.getColumnVector(5) : null;
    const texts = plan.hasTexts ? chunk.getColumnVector(6) : null;
    const blobs = plan.hasTexts ? chunk.getColumnVector(7) : null;
    for (let row = 0; row < rowCount; row++) {
      const kind = kinds === null ? null : kinds.getItem(row);
      let text: TextCell | null = null;
      if (kind !== null) {
        text =
          Number(kind) === KIND_BYTES
            ? (blobs!.getItem(row) as unknown as { readonly bytes: Uint8Array }).bytes
            : String(texts!.getItem(row));
      }
      sink.cell(times[row]!, arrived[row]!, seqs[row]!, columnOf.get(series[row]!)!, values[row]!, text);
    }
    yield;
  }
}

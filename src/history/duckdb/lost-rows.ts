import type { DuckDBConnection } from '@duckdb/node-api';
import { rowsOf } from './rows.ts';
import type { RowRange } from './salvage.ts';

/** Series that are named; of others only how many there are. */
const MAX_NAMED = 5;

type Lost = { readonly name: string; rows: number; fromUs: number; toUs: number };

/**
 * One clause on the rows of `damaged.TABLE` that could not be copied: how many, of which series, of what times. A damaged block has one
 * column as a rule: which series and times it had stands in others.
 */
export async function describeLost(
  connection: DuckDBConnection,
  table: string,
  ranges: readonly RowRange[],
): Promise<string> {
  const series = new Map<string, Lost>();
  let unknown = 0;
  for (const { from, to } of ranges) {
    const where = `rowid >= ${from} AND rowid < ${to}`;
    const rows = await rowsOf(
      connection,
      `SELECT s.topic, s.field, p.n, p.a, p.b FROM (
         SELECT series, count(*)::DOUBLE AS n, epoch_us(min(t))::DOUBLE AS a, epoch_us(max(t))::DOUBLE AS b
         FROM damaged.${table} WHERE ${where} GROUP BY series
       ) p LEFT JOIN series s ON s.id = p.series ORDER BY p.n DESC`,
    ).catch(() => null);
    if (rows === null) unknown += to - from;
    for (const [topic, field, count, fromUs, toUs] of rows ?? []) {
      const name = field === 'value' ? String(topic) : `${topic} ${field}`;
      const known = series.get(name) ?? { name, rows: 0, fromUs: Number.POSITIVE_INFINITY, toUs: 0 };
      known.rows += Number(count);
      known.fromUs = Math.min(known.fromUs, Number(fromUs));
      known.toUs = Math.max(known.toUs, Number(toUs));
      series.set(name, known);
    }
  }
  const total = ranges.reduce((sum, { from, to }) => sum + to - from, 0);
  const most = [...series.values()].sort((a, b) => b.rows - a.rows);
  const parts = most
    .slice(0, MAX_NAMED)
    .map(({ name, rows, fromUs, toUs }) => `${rows} of ${name} from ${timeText(fromUs)} to ${timeText(toUs)}`);
  if (most.length > MAX_NAMED) parts.push(`and of ${most.length - MAX_NAMED} more series`);
  if (unknown > 0) parts.push(`${unknown} of which nobody can say what they were`);
  return `${total} rows of table ${table} cannot be read and are lost: ${parts.join(', ')}`;
}

function timeText(us: number): string {
  return new Date(us / 1000).toISOString();
}

import type { DuckDBConnection } from '@duckdb/node-api';
import type { Series } from '../duckdb/catalog.ts';
import { KIND_BYTES } from '../duckdb/columns.ts';
import { identifier, literal, rowsOf } from '../duckdb/rows.ts';
import { columnNames } from './column-names.ts';
import { type Plan, type Window, whereSql, windowsOf } from './plan.ts';

type Column = { readonly name: string; readonly type: 'DOUBLE' | 'VARCHAR' | 'BLOB'; readonly sql: string };

/**
 * A Parquet file (zstd) with `time`, `arrived` (TIMESTAMP, microseconds UTC) and the fields, one row a message row. A
 * field that had numbers and text has two columns, `<field>` and `<field>.text`; bytes go to `<field>.bytes`.
 *
 * A large export is gathered window by window in a temporary table first, which DuckDB spills: sorting it as one could
 * take the memory that the writer needs.
 */
export async function writeParquet(
  connection: DuckDBConnection,
  plan: Plan,
  file: string,
  signal: AbortSignal,
): Promise<void> {
  const windows = await windowsOf(connection, plan);
  const columns = await columnsOf(connection, plan);
  const target = `TO ${literal(file)} (FORMAT parquet, COMPRESSION zstd)`;
  const [only] = windows;
  if (windows.length === 1 && only !== undefined) {
    await connection.run(`COPY (${rowsSql(plan, columns, only)}) ${target}`);
    return;
  }
  const types = columns.map(({ name, type }) => `, ${identifier(name)} ${type}`).join('');
  await connection.run(`CREATE TEMP TABLE gathered ("time" TIMESTAMP, arrived TIMESTAMP${types})`);
  for (const window of windows) {
    signal.throwIfAborted();
    await connection.run(`INSERT INTO gathered ${rowsSql(plan, columns, window)}`);
  }
  signal.throwIfAborted();
  await connection.run(`COPY gathered ${target}`);
  await connection.run('DROP TABLE gathered');
}

function rowsSql(plan: Plan, columns: readonly Column[], window: Window): string {
  const where = whereSql(plan, window);
  const [only] = plan.series;
  if (plan.series.length === 1 && only !== undefined && only.texts === 0) {
    return `SELECT t AS "time", arrived, v AS ${identifier(columns[0]!.name)} FROM point WHERE ${where} ORDER BY t, seq`;
  }
  const cells = `SELECT t, arrived, seq, series, v, NULL::VARCHAR AS txt, NULL::BLOB AS bin FROM point WHERE ${where}${
    plan.hasTexts ? ` UNION ALL SELECT t, arrived, seq, series, NULL, txt, bin FROM text WHERE ${where}` : ''
  }`;
  const fields = columns.map(({ name, sql }) => `, ${sql} AS ${identifier(name)}`).join('');
  return `SELECT t AS "time", any_value(arrived) AS arrived${fields} FROM (${cells}) GROUP BY t, seq ORDER BY t, seq`;
}

async function columnsOf(connection: DuckDBConnection, plan: Plan): Promise<Column[]> {
  const kinds = await textKinds(connection, plan);
  const reserved = ['time', 'arrived'];
  const fields = columnNames(
    plan.series.map((series) => series.field),
    reserved,
  );
  const columns = plan.series.flatMap((series, i): Column[] => {
    const { id } = series;
    const field = fields[i]!;
    const kind = kinds.get(id);
    const only = (column: string): string => `any_value(${column}) FILTER (WHERE series = ${id})`;
    const found: Column[] = [];
    if (series.points > 0 || kind === undefined) found.push({ name: field, type: 'DOUBLE', sql: only('v') });
    if (kind?.text === true) {
      found.push({ name: found.length === 0 ? field : `${field}.text`, type: 'VARCHAR', sql: only('txt') });
    }
    if (kind?.bytes === true) {
      found.push({ name: found.length === 0 ? field : `${field}.bytes`, type: 'BLOB', sql: only('bin') });
    }
    return found;
  });
  // A field may really be called `a.text`.
  const names = columnNames(
    columns.map((column) => column.name),
    reserved,
  );
  return columns.map((column, i) => ({ ...column, name: names[i]! }));
}

async function textKinds(
  connection: DuckDBConnection,
  plan: Plan,
): Promise<Map<Series['id'], { readonly text: boolean; readonly bytes: boolean }>> {
  if (!plan.hasTexts) return new Map();
  const rows = await rowsOf(
    connection,
    `SELECT series, bool_or(kind <> ${KIND_BYTES}), bool_or(kind = ${KIND_BYTES}) FROM text
     WHERE ${whereSql(plan, plan)} GROUP BY series`,
  );
  return new Map(rows.map(([id, text, bytes]) => [Number(id), { text: text === true, bytes: bytes === true }]));
}

import { setTimeout as pause } from 'node:timers/promises';
import type { DuckDBConnection } from '@duckdb/node-api';
import type { Database } from './database.ts';
import { rowsOf } from './rows.ts';
import { GROUP } from './salvage.ts';

/** Between two row groups: recording and queries go first. */
const PAUSE_MS = 20;

/** Reads all of a database once, so that what is damaged is found now and not when it is wanted; until `stop`. Rejects with what it met. */
export async function readAll(database: Database, stop: AbortSignal): Promise<void> {
  const connection = await database.connect();
  try {
    for (const table of ['point', 'text']) await readTable(connection, table, stop);
  } finally {
    connection.closeSync();
  }
}

async function readTable(connection: DuckDBConnection, table: string, stop: AbortSignal): Promise<void> {
  const [[total] = []] = await rowsOf(connection, `SELECT count(*)::DOUBLE FROM ${table}`);
  for (let from = 0; from < Number(total) && !stop.aborted; from += GROUP) {
    await connection.run(
      `SELECT bit_xor(hash(each_row)) FROM ${table} AS each_row WHERE rowid >= ${from} AND rowid < ${from + GROUP}`,
    );
    await pause(PAUSE_MS);
  }
}

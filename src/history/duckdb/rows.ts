import type { DuckDBConnection, DuckDBDataChunk, DuckDBValue } from '@duckdb/node-api';
import { messageOf } from '../../base/index.ts';
import { HistoryError } from '../port.ts';
import { damagedAnswer, isDamage } from './damage.ts';

/** All rows of a small result. */
export async function rowsOf(connection: DuckDBConnection, sql: string): Promise<DuckDBValue[][]> {
  const result = await connection.run(sql);
  return result.getRows();
}

/** A text as an SQL literal. */
export function literal(text: string): string {
  return `'${text.replaceAll("'", "''")}'`;
}

/** A name as an SQL identifier. */
export function identifier(name: string): string {
  return `"${name.replaceAll('"', '""')}"`;
}

/**
 * The DOUBLE column of a result chunk as it lies in memory; NULLs must have been coalesced away. `items` is private in
 * the types of node-api only, and every other way makes an object a value.
 */
export function doubles(chunk: DuckDBDataChunk, column: number): Float64Array {
  return (chunk.getColumnVector(column) as unknown as { readonly items: Float64Array }).items;
}

/** The INTEGER column of a result chunk as it lies in memory. */
export function integers(chunk: DuckDBDataChunk, column: number): Int32Array {
  return (chunk.getColumnVector(column) as unknown as { readonly items: Int32Array }).items;
}

/** What a question's answer failed with. */
export function asHistoryError(error: unknown): HistoryError {
  if (error instanceof HistoryError) return error;
  const text = plainMessage(error);
  if (isDamage(text)) return new HistoryError('failed', damagedAnswer(text));
  if (!text.startsWith('Out of Memory')) return new HistoryError('failed', text);
  return new HistoryError('no-memory', 'the answer needs more memory than historyMemoryBytes leaves to it');
}

/** The first line of an error: DuckDB adds advice for somebody who types SQL. */
export function plainMessage(error: unknown): string {
  return messageOf(error).split('\n', 1)[0] ?? '';
}

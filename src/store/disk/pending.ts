import { type Logger, messageOf } from '../../base/index.ts';
import { damageWords } from './check/lmdb-error.ts';
import { TABLES } from './log/layout.ts';
import { type Changes, STEP_AT_START, type StoredTable, type Table } from './table/table.ts';

export const TABLE_FAILS = 'the table of the store cannot be written; the log has what it lacks';

/** Changes that the table has not yet. */
export type Pending = Map<StoredTable, Map<string, Uint8Array | null>>;

/** Applies what the log has and the table may lack; what cannot be written now, on a full disk, is left for later. Rejects when LMDB calls the table damaged. */
export async function changesThatFail(table: Table, changes: Changes, logger: Logger): Promise<Pending> {
  try {
    await table.apply(changes, null, STEP_AT_START);
    return noChanges();
  } catch (error) {
    if (damageWords(error) !== null) throw error;
    logger.error({ error: messageOf(error) }, TABLE_FAILS);
    return new Map([...noChanges()].map(([name, none]) => [name, new Map(changes.get(name) ?? none)]));
  }
}

/** Entries of the table with the changes that it has not yet; they come last. */
export function* newest(
  entries: Iterable<readonly [string, Buffer]>,
  changes: ReadonlyMap<string, Uint8Array | null> = new Map(),
): Iterable<readonly [string, Buffer]> {
  for (const entry of entries) if (!changes.has(entry[0])) yield entry;
  for (const [key, value] of changes) if (value !== null) yield [key, Buffer.from(value)];
}

export function noChanges(): Pending {
  return new Map(TABLES.map((table) => [table, new Map()]));
}

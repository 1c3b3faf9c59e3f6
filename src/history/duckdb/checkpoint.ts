import type { Database } from './database.ts';
import { dropJournal, writeJournal } from './rollback-journal.ts';
import { rowsOf } from './rows.ts';

/**
 * Folds the log in. What DuckDB may write over in its place is kept meanwhile, so that a power cut takes nothing (rollback-journal.ts).
 * Nobody commits meanwhile. `begin` is called when it is kept. A checkpoint that fails leaves the journal to the next one, or to the next
 * opening.
 */
export async function checkpointSafely(database: Database, begin: () => void): Promise<void> {
  await keepForRollback(database);
  begin();
  await database.writer.run('CHECKPOINT');
  dropJournal(database.file);
}

/** Writes the journal of a checkpoint that is to come; answers its bytes. */
export async function keepForRollback(database: Database): Promise<number> {
  // Of all that a header refers to, DuckDB writes only blocks of metadata again. Those without a part in use nothing refers to.
  const blocks = await rowsOf(
    database.writer,
    'SELECT block_id::DOUBLE FROM pragma_metadata_info() WHERE free_blocks < total_blocks ORDER BY block_id',
  );
  const numbers = blocks.map(([block]) => Number(block));
  return writeJournal(database.file, database.handle, numbers);
}

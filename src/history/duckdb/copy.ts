import { existsSync, rmSync } from 'node:fs';
import type { DuckDBConnection } from '@duckdb/node-api';
import type { Database } from './database.ts';
import { identifier, literal, rowsOf } from './rows.ts';

/** Copies of the whole database, beside the writer. */
export type Copies = {
  /** Checkpoints are not possible meanwhile: DuckDB takes the copy for a writer. */
  readonly underWay: () => boolean;
  /** Copies all that is committed, as of one moment, into a new file. Rejects when it cannot; then there is no file. */
  readonly copyTo: (file: string) => Promise<void>;
  /** Ends what is under way. */
  readonly stop: () => Promise<void>;
};

export function createCopies(database: Database): Copies {
  const running = new Map<DuckDBConnection, Promise<void>>();
  let stopped = false;
  let copies = 0;

  return {
    underWay: () => running.size > 0,
    copyTo: async (file) => {
      if (stopped) throw new Error('history is stopping');
      const connection = await database.connect();
      copies += 1;
      const work = copy(connection, `copy_${copies}`, file);
      running.set(connection, work);
      try {
        await work;
      } finally {
        running.delete(connection);
        connection.closeSync();
      }
    },
    stop: async () => {
      stopped = true;
      const patience = setInterval(() => {
        for (const connection of running.keys()) connection.interrupt();
      }, 20);
      await Promise.allSettled(running.values());
      clearInterval(patience);
    },
  };
}

async function copy(connection: DuckDBConnection, name: string, file: string): Promise<void> {
  // DuckDB would open it, and a failure remove it.
  if (existsSync(file)) throw new Error(`there is a file ${file} already`);
  const [[source] = []] = await rowsOf(connection, 'SELECT current_database()');
  await connection.run(`ATTACH ${literal(file)} AS ${name}`);
  try {
    // One transaction reads all of it: the positions are those of the rows.
    await connection.run('BEGIN');
    await connection.run(`COPY FROM DATABASE ${identifier(String(source))} TO ${name}`);
    await connection.run('COMMIT');
    // Folds the log of the copy in, and syncs it: one file, whole.
    await connection.run(`CHECKPOINT ${name}`);
    await connection.run(`DETACH ${name}`);
  } catch (error) {
    await connection.run('ROLLBACK').catch(() => {});
    await connection.run(`DETACH ${name}`).catch(() => {});
    rmSync(file, { force: true });
    rmSync(`${file}.wal`, { force: true });
    throw error;
  }
}

import { setTimeout as pause } from 'node:timers/promises';
import type { DuckDBInstance as Instance } from '@duckdb/node-api';
import { messageOf, OperatorError } from '../../base/index.ts';
import type { HistoryLimits } from '../options.ts';
import { DuckDBInstance } from './library.ts';
import { plainMessage } from './rows.ts';
import { ownWords } from './words.ts';

const LOCK_PAUSE_MS = 100;
/** `IO Error: Could not set lock on file "...": Conflicting lock is held in ...` */
const HELD = /could not set lock|conflicting lock/i;

/** Waits until no other process has a history file open. Rejects with OperatorError when one has it for too long. */
export async function untilFree(file: string, limits: HistoryLimits): Promise<void> {
  try {
    const config = { access_mode: 'READ_ONLY', threads: '1', memory_limit: `${limits.memoryLimitMb}MiB` };
    (await whenFree(file, limits, () => DuckDBInstance.create(file, config))).closeSync();
  } catch (error) {
    // Whatever else is wrong with it: DuckDB takes the lock before it reads.
    if (error instanceof OperatorError) throw error;
  }
}

/** What `open` comes to when nobody else has the file. */
export async function whenFree(file: string, limits: HistoryLimits, open: () => Promise<Instance>): Promise<Instance> {
  const deadline = performance.now() + limits.openTimeoutMs;
  for (;;) {
    try {
      return await open();
    } catch (error) {
      if (!HELD.test(ownWords(messageOf(error), file))) throw error;
      if (performance.now() < deadline) {
        await pause(LOCK_PAUSE_MS);
        continue;
      }
      throw new OperatorError(
        `another process holds the history database ${file}: ${plainMessage(error)}`,
        'End that process, or choose another data folder.',
        { cause: error },
      );
    }
  }
}

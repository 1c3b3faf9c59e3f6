import type { DuckDBConnection } from '@duckdb/node-api';
import { HistoryError } from '../port.ts';
import type { Database } from './database.ts';
import { asHistoryError } from './rows.ts';

/** Connections for queries: at most `max` run at once, `maxWaiting` wait for their turn. */
export type QueryPool = {
  /** Runs `work` on a connection of its own. Rejects with HistoryError: `busy`, `timeout` (the query is stopped), `failed`. */
  readonly run: <T>(work: (connection: DuckDBConnection) => Promise<T>) => Promise<T>;
  /** Stops the queries that run; no more are taken. */
  readonly stop: () => void;
};

export type PoolLimits = { readonly max: number; readonly maxWaiting: number; readonly timeoutMs: number };

export function createQueryPool(database: Database, limits: PoolLimits): QueryPool {
  const free: DuckDBConnection[] = [];
  const waiting: (() => void)[] = [];
  const busy = new Set<DuckDBConnection>();
  let running = 0;
  let stopped = false;

  const turn = async (): Promise<void> => {
    if (stopped) throw stopping();
    if (running < limits.max) {
      running += 1;
      return;
    }
    if (waiting.length >= limits.maxWaiting) {
      throw new HistoryError('busy', `${limits.max} queries run and ${waiting.length} wait already: try again later`);
    }
    // The one that ends hands its place on, so `running` stays as it is.
    await new Promise<void>((resolve) => waiting.push(resolve));
    if (!stopped) return;
    leave();
    throw stopping();
  };

  const leave = (): void => {
    const next = waiting.shift();
    if (next === undefined) running -= 1;
    else next();
  };

  return {
    run: async (work) => {
      await turn();
      let timedOut = false;
      try {
        const connection = free.pop() ?? (await database.connect());
        busy.add(connection);
        // Asked again and again: an interrupt between two statements of one query would be lost.
        let repeat: NodeJS.Timeout | undefined;
        const timer = setTimeout(() => {
          timedOut = true;
          connection.interrupt();
          repeat = setInterval(() => connection.interrupt(), 50);
        }, limits.timeoutMs);
        try {
          const value = await work(connection);
          if (timedOut) throw new Error('interrupted');
          return value;
        } finally {
          clearTimeout(timer);
          clearInterval(repeat);
          busy.delete(connection);
          if (timedOut || stopped) connection.closeSync();
          else free.push(connection);
        }
      } catch (error) {
        if (timedOut) {
          throw new HistoryError('timeout', `the query took longer than ${limits.timeoutMs} ms and was stopped`);
        }
        if (stopped) throw stopping();
        throw asHistoryError(error);
      } finally {
        leave();
      }
    },
    stop: () => {
      stopped = true;
      for (const connection of busy) connection.interrupt();
      for (const connection of free.splice(0)) connection.closeSync();
    },
  };
}

function stopping(): HistoryError {
  return new HistoryError('unavailable', 'history is stopping');
}

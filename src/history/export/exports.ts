import { rm } from 'node:fs/promises';
import type { DuckDBConnection } from '@duckdb/node-api';
import type { Catalog } from '../duckdb/catalog.ts';
import type { Database } from '../duckdb/database.ts';
import { plainMessage } from '../duckdb/rows.ts';
import type { HistoryLimits } from '../options.ts';
import { type ExportQuery, HistoryError } from '../port.ts';
import type { FromProcess } from '../protocol.ts';
import { csvChunks } from './csv.ts';
import { writeHdf5 } from './hdf5.ts';
import { writeParquet } from './parquet.ts';
import { type Plan, planExport } from './plan.ts';

/** The exports that run in the history process. Each has a connection of its own. */
export type Exports = {
  /** Begins one; throws HistoryError `unknown-series` or `busy`. What comes of it is said under `id`. */
  readonly begin: (id: number, query: ExportQuery) => void;
  /** The reader wants that many more chunks. */
  readonly pull: (id: number, chunks: number) => void;
  /** Nobody wants it any more, or it was read to its end: its file goes. */
  readonly cancel: (id: number) => void;
  /** Stops all; resolves when none uses the database any more. */
  readonly close: () => Promise<void>;
};

type Running = {
  credits: number;
  pulledAtMs: number;
  wake: (() => void) | null;
  readonly abort: AbortController;
  connection: DuckDBConnection | null;
  file: string | null;
  done: boolean;
};

type Options = {
  readonly database: Database;
  readonly catalog: Catalog;
  readonly limits: HistoryLimits;
  readonly say: (message: FromProcess) => void;
  readonly lastSeq: () => number;
};

const STALL_CHECK_MS = 5000;

export function createExports(options: Options): Exports {
  const { database, catalog, limits, say } = options;
  const running = new Map<number, Running>();
  /** Those that have not let go of their connection. */
  const ending = new Set<Promise<void>>();
  let files = 0;

  const stallCheck = setInterval(() => {
    for (const [id, job] of running) {
      if (job.credits > 0 || performance.now() - job.pulledAtMs < limits.exportStallMs) continue;
      say({ kind: 'failure', id, code: 'timeout', text: 'the export was stopped: nobody read it' });
      cancel(id);
    }
  }, STALL_CHECK_MS);

  const credit = async (job: Running): Promise<void> => {
    while (job.credits === 0 && !job.abort.signal.aborted) {
      await new Promise<void>((resolve) => {
        job.wake = resolve;
      });
    }
    job.abort.signal.throwIfAborted();
    job.credits -= 1;
  };

  const work = async (id: number, job: Running, plan: Plan): Promise<void> => {
    const connection = await database.connect();
    job.connection = connection;
    try {
      job.abort.signal.throwIfAborted();
      if (plan.query.format === 'csv') {
        for await (const bytes of csvChunks(connection, plan)) {
          await credit(job);
          say({ kind: 'data', id, bytes });
        }
        say({ kind: 'end', id });
        return;
      }
      files += 1;
      job.file = `${database.tempFolder}/export-${process.pid}-${files}.${plan.query.format}`;
      const write = plan.query.format === 'parquet' ? writeParquet : writeHdf5;
      await write(connection, plan, job.file, job.abort.signal);
      say({ kind: 'file', id, path: job.file });
    } finally {
      job.connection = null;
      connection.closeSync();
    }
  };

  const remove = (job: Running): void => {
    if (job.file !== null) void rm(job.file, { force: true }).catch(() => {});
  };

  const cancel = (id: number): void => {
    const job = running.get(id);
    if (job === undefined) return;
    job.abort.abort(new HistoryError('failed', 'the export was stopped'));
    job.connection?.interrupt();
    job.wake?.();
    if (job.done) {
      running.delete(id);
      remove(job);
    }
  };

  return {
    begin: (id, query) => {
      const plan = planExport(catalog, query, options.lastSeq());
      if (running.size >= limits.maxExports) {
        throw new HistoryError('busy', `${limits.maxExports} exports run already: try again when one has ended`);
      }
      const job: Running = {
        credits: 0,
        pulledAtMs: performance.now(),
        wake: null,
        abort: new AbortController(),
        connection: null,
        file: null,
        done: false,
      };
      running.set(id, job);
      const ended = work(id, job, plan)
        .catch((error: unknown) => {
          if (job.abort.signal.aborted) return;
          const code = error instanceof HistoryError ? error.code : 'failed';
          say({ kind: 'failure', id, code, text: plainMessage(error) });
          job.abort.abort();
        })
        .finally(() => {
          job.done = true;
          // A finished file stays until its reader says that it is done with it.
          if (job.file !== null && !job.abort.signal.aborted) return;
          running.delete(id);
          remove(job);
        })
        .finally(() => ending.delete(ended));
      ending.add(ended);
    },
    pull: (id, chunks) => {
      const job = running.get(id);
      if (job === undefined) return;
      job.credits += chunks;
      job.pulledAtMs = performance.now();
      job.wake?.();
      job.wake = null;
    },
    cancel,
    close: async () => {
      clearInterval(stallCheck);
      for (const id of running.keys()) cancel(id);
      await Promise.all(ending);
    },
  };
}

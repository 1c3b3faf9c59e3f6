import { rm } from 'node:fs/promises';
import type { DuckDBConnection } from '@duckdb/node-api';
import type { Catalog } from '../duckdb/catalog.ts';
import type { Database } from '../duckdb/database.ts';
import { asHistoryError } from '../duckdb/rows.ts';
import type { HistoryLimits } from '../options.ts';
import { type ExportQuery, HistoryError } from '../port.ts';
import type { FromProcess } from '../protocol.ts';
import type { Stream, Streams } from '../streams.ts';
import { csvChunks } from './csv.ts';
import { writeHdf5 } from './hdf5.ts';
import { writeParquet } from './parquet.ts';
import { type Plan, planExport } from './plan.ts';

/** The exports that run in the history process. Each has a connection of its own. */
export type Exports = {
  /** Begins one; throws HistoryError `unknown-series` or `busy`. What comes of it is sent or said under `id`. */
  readonly begin: (id: number, query: ExportQuery) => void;
  /** Nobody wants it any more, or its file was read to the end: the file goes. */
  readonly cancel: (id: number) => void;
  /** Stops all; resolves when none uses the database any more. */
  readonly close: () => Promise<void>;
};

type Running = {
  readonly stream: Stream;
  connection: DuckDBConnection | null;
  file: string | null;
  done: boolean;
};

type Options = {
  readonly database: Database;
  readonly catalog: Catalog;
  readonly limits: HistoryLimits;
  readonly streams: Streams;
  readonly say: (message: FromProcess) => void;
  readonly lastSeq: () => number;
  /** What the database itself failed one with: it may be damage. */
  readonly failed: (error: HistoryError) => void;
};

export function createExports(options: Options): Exports {
  const { database, catalog, limits, streams, say } = options;
  const running = new Map<number, Running>();
  /** Those that have not let go of their connection. */
  const ending = new Set<Promise<void>>();
  let files = 0;

  const work = async (id: number, job: Running, plan: Plan): Promise<void> => {
    const { stream } = job;
    const { signal } = stream;
    // Also a query that runs is stopped, not only what is between two.
    signal.addEventListener('abort', () => job.connection?.interrupt());
    const connection = await database.connect();
    job.connection = connection;
    try {
      signal.throwIfAborted();
      if (plan.query.format === 'csv') {
        for await (const bytes of csvChunks(connection, plan)) await stream.send(bytes);
        stream.end();
        return;
      }
      files += 1;
      job.file = `${database.tempFolder}/export-${process.pid}-${files}.${plan.query.format}`;
      const write = plan.query.format === 'parquet' ? writeParquet : writeHdf5;
      await write(connection, plan, job.file, signal);
      say({ kind: 'file', id, path: job.file });
    } finally {
      job.connection = null;
      connection.closeSync();
    }
  };

  const forget = (id: number, job: Running): void => {
    running.delete(id);
    job.stream.close();
    if (job.file !== null) void rm(job.file, { force: true }).catch(() => {});
  };

  const cancel = (id: number): void => {
    const job = running.get(id);
    if (job === undefined) return;
    streams.cancel(id);
    if (job.done) forget(id, job);
  };

  return {
    begin: (id, query) => {
      const plan = planExport(catalog, query, options.lastSeq());
      if (running.size >= limits.maxExports) {
        throw new HistoryError('busy', `${limits.maxExports} exports run already: try again when one has ended`);
      }
      const job: Running = { stream: streams.open(id), connection: null, file: null, done: false };
      running.set(id, job);
      const ended = work(id, job, plan)
        .catch((error: unknown) => {
          const known = asHistoryError(error);
          // An error that is one of history's already has nothing to do with the database's file.
          if (known !== error) options.failed(known);
          if (job.stream.signal.aborted) return;
          say({ kind: 'failure', id, code: known.code, text: known.message });
          streams.cancel(id);
        })
        .finally(() => {
          job.done = true;
          // A finished file stays until its reader says that it is done with it.
          if (job.file === null || job.stream.signal.aborted) forget(id, job);
        })
        .finally(() => ending.delete(ended));
      ending.add(ended);
    },
    cancel,
    close: async () => {
      for (const id of running.keys()) cancel(id);
      await Promise.all(ending);
    },
  };
}

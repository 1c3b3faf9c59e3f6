import { messageOf } from '../base/index.ts';
import { createCatalog } from './duckdb/catalog.ts';
import { openDatabase } from './duckdb/database.ts';
import { createQueryPool } from './duckdb/pool.ts';
import { matchingSeries, readBuckets, readPoints, seriesOf } from './duckdb/queries.ts';
import { plainMessage } from './duckdb/rows.ts';
import { loadCatalog, saveCatalog } from './duckdb/state.ts';
import { createWriter, WriterLost } from './duckdb/writer.ts';
import { createExports, type Exports } from './export/exports.ts';
import type { HistoryLimits } from './options.ts';
import { HistoryError } from './port.ts';
import type { Answer, Batch, Call, Committed, FromProcess } from './protocol.ts';

/** History inside its process: one writer, a few readers, exports, and the database's upkeep. */
export type Engine = {
  readonly positions: () => readonly (readonly [string, number])[];
  readonly write: (batch: Batch) => Promise<Committed>;
  readonly answer: (id: number, call: Call) => Promise<Answer>;
  readonly exports: Exports;
  /** Finishes what was begun; with `checkpoint` the log is folded in, so that the next start is quick. */
  readonly close: (checkpoint: boolean) => Promise<void>;
};

const MEGABYTE = 1024 * 1024;
const UPKEEP_MS = 5000;
/** Idle that long, a log of a megabyte is folded in too. */
const IDLE_MS = 20_000;

export async function openEngine(
  file: string,
  limits: HistoryLimits,
  run: string,
  say: (message: FromProcess) => void,
): Promise<Engine> {
  const database = await openDatabase(file, limits);
  const catalog = createCatalog(limits.maxSeries);
  const seq = await loadCatalog(database.writer, catalog);
  const warn = (text: string, fields: Record<string, unknown>): void =>
    say({ kind: 'log', level: 'warn', fields, text });
  const writer = await createWriter({ database, catalog, limits, run, seq, warn });
  const pool = createQueryPool(database, {
    max: limits.maxQueries,
    maxWaiting: limits.maxWaitingQueries,
    timeoutMs: limits.queryTimeoutMs,
  });
  const exports = createExports({ database, catalog, limits, say, lastSeq: () => writer.seq() });

  /** Writes and checkpoints in turn: a checkpoint between two commits costs neither of them a failure. */
  let turn: Promise<unknown> = Promise.resolve();
  const inTurn = <T>(work: () => Promise<T>): Promise<T> => {
    const result = turn.then(work, work);
    turn = result.catch(() => {});
    return result;
  };
  let lastWrite = performance.now();

  const checkpoint = async (): Promise<void> => {
    try {
      await saveCatalog(database.writer, catalog, writer.seq());
      await database.writer.run('CHECKPOINT');
    } catch (error) {
      say({ kind: 'log', level: 'warn', fields: { error: plainMessage(error) }, text: 'history could not checkpoint' });
    }
  };

  const upkeep = setInterval(() => {
    const size = writer.walBytes();
    const idle = performance.now() - lastWrite > IDLE_MS;
    if (size > limits.checkpointMb * MEGABYTE || (idle && size > MEGABYTE)) void inTurn(checkpoint);
  }, UPKEEP_MS);

  // A log that was left by a process that was killed: folded in now, it is not replayed again by the next start.
  if (writer.walBytes() > MEGABYTE) void inTurn(checkpoint);

  let sinceSizeCheck = 0;

  return {
    positions: writer.positions,
    write: (batch) =>
      inTurn(async () => {
        lastWrite = performance.now();
        const committed = await writer.write(batch).catch(async (error: unknown) => {
          // What waits in the log also sits in the buffer pool: folded in, there may be room for this batch.
          if (error instanceof WriterLost || !/memory|allocate|pin block/i.test(messageOf(error))) throw error;
          await checkpoint();
          return writer.write(batch);
        });
        sinceSizeCheck += 1;
        if (sinceSizeCheck >= 16) {
          sinceSizeCheck = 0;
          if (writer.walBytes() > limits.checkpointMb * MEGABYTE) void inTurn(checkpoint);
        }
        return committed;
      }),
    answer: async (id, call) => {
      switch (call.name) {
        case 'series':
          return matchingSeries(catalog, call.world, call.filter, call.limit);
        case 'points': {
          const series = seriesOf(catalog, call.query);
          const limit = Math.min(call.limit, limits.maxPoints);
          return pool.run((connection) => readPoints(connection, series, call.query, limit));
        }
        case 'buckets': {
          const series = seriesOf(catalog, call.query);
          return pool.run((connection) => readBuckets(connection, series, call.query, call.buckets));
        }
        case 'export':
          exports.begin(id, call.query);
          return null;
        default:
          throw new HistoryError('failed', 'history does not know this question');
      }
    },
    exports,
    close: async (withCheckpoint) => {
      clearInterval(upkeep);
      await exports.close();
      pool.stop();
      await inTurn(async () => {
        if (withCheckpoint) await checkpoint();
      });
      writer.close();
      database.close();
    },
  };
}

export { WriterLost };

import { existsSync, statSync } from 'node:fs';
import { dirname } from 'node:path';
import type { Writable } from 'node:stream';
import { messageOf, OperatorError, syncFolder } from '../base/index.ts';
import { type Catalog, createCatalog } from './duckdb/catalog.ts';
import { checkpointSafely } from './duckdb/checkpoint.ts';
import { createCopies } from './duckdb/copy.ts';
import { DamagedDatabase, isDamage, mend } from './duckdb/damage.ts';
import { type Database, openDatabase } from './duckdb/database.ts';
import { finishSalvage, forgetFound, forgetSalvage, isSalvageWanted, wantSalvage } from './duckdb/exchange.ts';
import { untilFree } from './duckdb/lock.ts';
import { createQueryPool } from './duckdb/pool.ts';
import { readPositions } from './duckdb/positions.ts';
import { matchingSeries, readBuckets, readPoints, seriesOf } from './duckdb/queries.ts';
import { hasJournal, rollBack } from './duckdb/rollback-journal.ts';
import { plainMessage } from './duckdb/rows.ts';
import { salvage } from './duckdb/salvage.ts';
import { loadCatalog, saveCatalog } from './duckdb/state.ts';
import { readAll } from './duckdb/verify.ts';
import { checkWal, dropUnfinishedCommit, openWalMark } from './duckdb/wal-mark.ts';
import { ownWords } from './duckdb/words.ts';
import { createWriter, WriterLost } from './duckdb/writer.ts';
import { createExports } from './export/exports.ts';
import { bucketsJson, pointsJson } from './export/json.ts';
import type { HistoryLimits } from './options.ts';
import { type HistoryDamage, HistoryError } from './port.ts';
import type { Answer, Batch, Call, Committed, FromProcess } from './protocol.ts';
import { createStreams, type Stream } from './streams.ts';
import type { Stretch } from './stretches.ts';

/** History inside its process: one writer, a few readers, exports, and the database's upkeep. */
export type Engine = {
  readonly positions: () => readonly Stretch[];
  readonly write: (batch: Batch) => Promise<Committed>;
  /** Null: the answer went to the pipe. */
  readonly answer: (id: number, call: Call) => Promise<Answer | null>;
  /** The reader of a call's bytes has room for more. */
  readonly pull: (id: number, bytes: number) => void;
  /** Nobody wants what comes of a call any more. */
  readonly cancel: (id: number) => void;
  /** Finishes what was begun and folds the log in; with `figures`, those of the series are kept too, so that the next start is quick. */
  readonly close: (figures: boolean) => Promise<void>;
};

const MEGABYTE = 1024 * 1024;
const UPKEEP_MS = 5000;
/** What a salvage has found is in the broker's log by then; a process that ends before leaves it to the next one. */
const TOLD_MS = 5000;
/** Idle that long, a log of a megabyte is folded in too. */
const IDLE_MS = 20_000;

export async function openEngine(
  file: string,
  limits: HistoryLimits,
  run: string,
  say: (message: FromProcess) => void,
  pipe: Writable,
  crashed = false,
): Promise<Engine> {
  const { database, catalog, seq, isMended, wasKilled, isBeyondHelp } = await openWhole(file, limits, crashed, say);
  const warn = (text: string, fields: Record<string, unknown>): void =>
    say({ kind: 'log', level: 'warn', fields, text });
  const writer = await createWriter({ database, catalog, limits, run, seq, warn });
  const pool = createQueryPool(database, {
    max: limits.maxQueries,
    maxWaiting: limits.maxWaitingQueries,
    timeoutMs: limits.queryTimeoutMs,
  });
  const mark = openWalMark(file);
  const streams = createStreams(pipe, limits.exportStallMs, say);
  /** A damaged block is met only when it is read. The next opening keeps what is sound. Answers whether it was damage. */
  const tellDamage = (error: unknown): boolean => {
    if (!isDamage(messageOf(error), file)) return false;
    const what = `${plainMessage(error)}: the next start keeps what is sound, and says what is lost`;
    say({ kind: 'damage', damage: { file, what, kept: null } });
    try {
      wantSalvage(file);
    } catch (why) {
      warn('that history is to be salvaged could not be noted', { error: messageOf(why) });
    }
    return true;
  };
  const exports = createExports({
    database,
    catalog,
    limits,
    streams,
    say,
    lastSeq: () => writer.seq(),
    failed: tellDamage,
  });
  const copies = createCopies(database);

  /** DuckDB makes its log with the first commit after a checkpoint, and syncs its bytes, not its name. */
  let isLogNamed = false;

  /** Writes and checkpoints in turn: a checkpoint between two commits costs neither of them a failure. */
  let turn: Promise<unknown> = Promise.resolve();
  const inTurn = <T>(work: () => Promise<T>): Promise<T> => {
    const result = turn.then(work, work);
    turn = result.catch(() => {});
    return result;
  };
  let lastWrite = performance.now();

  const checkpoint = async (withFigures = true): Promise<void> => {
    if (copies.underWay()) return;
    try {
      if (withFigures) await saveCatalog(database.writer, catalog, writer.seq());
      await checkpointSafely(database, () => {
        mark.clear();
        isLogNamed = false;
      });
    } catch (error) {
      warn('history could not checkpoint', { error: plainMessage(error) });
      // It would fail again and again, with an ever longer log: the next process keeps what is sound, and goes on.
      if (tellDamage(error) && !isBeyondHelp) {
        say({ kind: 'fatal', text: 'the history database is damaged where it is written', advice: 'See the log.' });
      }
    }
  };

  const forget = (): void => {
    try {
      forgetFound(file);
    } catch (error) {
      warn('that what was lost is told of could not be noted: it is told of again', { error: messageOf(error) });
    }
  };
  const told = setTimeout(forget, TOLD_MS);
  const upkeep = setInterval(() => {
    const size = writer.walBytes();
    const idle = performance.now() - lastWrite > IDLE_MS;
    if (size > limits.checkpointMb * MEGABYTE || (idle && size > MEGABYTE)) void inTurn(() => checkpoint());
  }, UPKEEP_MS);

  // A log that was left by a process that was killed: folded in now, it is not replayed again by the next start.
  if (writer.walBytes() > MEGABYTE || isMended) void inTurn(() => checkpoint());

  const reading = new AbortController();
  const read = wasKilled ? readAll(database, reading.signal).catch(tellDamage) : null;

  let sinceSizeCheck = 0;

  const answer = async (id: number, call: Call): Promise<Answer | null> => {
    switch (call.name) {
      case 'series':
        return matchingSeries(catalog, call.world, call.filter, call.limit);
      case 'points': {
        const series = seriesOf(catalog, call.query);
        const limit = Math.min(call.limit, limits.maxPoints);
        return sendAll(streams.open(id), async () => {
          // One more than asked for tells whether there is more.
          const rows = await pool.run((connection) => readPoints(connection, series, call.query, limit + 1));
          return { chunks: pointsJson(rows, limit), truncated: rows.times.length > limit };
        });
      }
      case 'buckets': {
        const series = seriesOf(catalog, call.query);
        return sendAll(streams.open(id), async () => {
          const rows = await pool.run((connection) => readBuckets(connection, series, call.query, call.buckets));
          return { chunks: bucketsJson(rows), truncated: false };
        });
      }
      case 'export':
        exports.begin(id, call.query);
        return 'begun';
      case 'backup':
        await copies.copyTo(call.file);
        return 'copied';
      default:
        throw new HistoryError('failed', 'history does not know this question');
    }
  };

  return {
    positions: writer.positions,
    write: (batch) =>
      inTurn(async () => {
        lastWrite = performance.now();
        const committed = await writer.write(batch).catch(async (error: unknown) => {
          // What waits in the log also sits in the buffer pool: folded in, there may be room for this batch.
          tellDamage(error);
          if (error instanceof WriterLost || !/memory|allocate|pin block/i.test(ownWords(messageOf(error), file)))
            throw error;
          await checkpoint();
          return writer.write(batch);
        });
        if (!isLogNamed) await syncFolder(dirname(file));
        isLogNamed = true;
        mark.note(writer.walBytes());
        sinceSizeCheck += 1;
        if (sinceSizeCheck >= 16) {
          sinceSizeCheck = 0;
          if (writer.walBytes() > limits.checkpointMb * MEGABYTE) void inTurn(() => checkpoint());
        }
        return committed;
      }),
    answer: async (id, call) => {
      try {
        return await answer(id, call);
      } catch (error) {
        tellDamage(error);
        throw error;
      }
    },
    pull: streams.pull,
    cancel: (id) => {
      exports.cancel(id);
      streams.cancel(id);
    },
    close: async (withFigures) => {
      clearInterval(upkeep);
      clearTimeout(told);
      reading.abort();
      await read;
      streams.close();
      await exports.close();
      pool.stop();
      await copies.stop();
      await inTurn(() => checkpoint(withFigures));
      writer.close();
      mark.close();
      database.close();
      if (withFigures) forget();
    },
  };
}

type Opened = {
  readonly database: Database;
  readonly catalog: Catalog;
  readonly seq: number;
  readonly isMended: boolean;
  /** The process before this one did not end in order: all of it is to be read once. */
  readonly wasKilled: boolean;
  /** It is damaged, and could not be salvaged. */
  readonly isBeyondHelp: boolean;
};

/** Opens the database; one that is damaged is mended as far as it can be, kept beside it, and told of. */
async function openWhole(
  file: string,
  limits: HistoryLimits,
  crashed: boolean,
  say: (message: FromProcess) => void,
): Promise<Opened> {
  let isMended = false;
  const tell = (damage: HistoryDamage): void => {
    isMended = true;
    say({ kind: 'damage', damage });
  };
  for (const damage of finishSalvage(file)) tell(damage);
  if (hasJournal(file)) {
    // A process that is just ending may be at the checkpoint that the journal is of.
    await untilFree(file, limits);
    const blocks = rollBack(file);
    const text = 'a checkpoint of history that was cut short is undone: it is made again';
    if (blocks !== null) say({ kind: 'log', level: 'info', fields: { blocks }, text });
  }
  const wasKilled = (statSync(`${file}.wal`, { throwIfNoEntry: false })?.size ?? 0) > 0;
  if (crashed) tell(mend(file, 'the process that opened it crashed, again and again', 0));
  const wal = crashed ? null : checkWal(file);
  if (wal !== null) tell(wal);
  let isBeyondHelp = false;
  const trySalvage = async (): Promise<void> => {
    say({ kind: 'log', level: 'info', fields: { file }, text: 'history is damaged: what is sound is being copied' });
    try {
      for (const damage of await salvage(file, limits)) tell(damage);
    } catch (error) {
      isBeyondHelp = true;
      const what = `what is sound could not be copied (${plainMessage(error)}): tried again at the next start`;
      tell({ file, what, kept: null });
    }
  };
  if (isSalvageWanted(file) && existsSync(file)) await trySalvage();
  let isSalvaged = false;
  for (let tries = 0; ; tries++) {
    let database: Database | null = null;
    try {
      database = await openDatabase(file, limits);
      const catalog = createCatalog(limits.maxSeries);
      await readPositions(database.writer);
      return { database, catalog, seq: await loadCatalog(database.writer, catalog), isMended, wasKilled, isBeyondHelp };
    } catch (error) {
      database?.close();
      const isDamaged =
        error instanceof DamagedDatabase || (!(error instanceof OperatorError) && isDamage(messageOf(error), file));
      if (!isDamaged || tries > 3) throw error;
      // Its headers are good, and a block is not: most of it may be.
      if (database !== null && !isSalvaged && !isBeyondHelp) {
        isSalvaged = true;
        await trySalvage();
        if (!isBeyondHelp) continue;
      }
      if (dropUnfinishedCommit(file, messageOf(error))) continue;
      tell(mend(file, messageOf(error), tries));
      if (!existsSync(file)) forgetSalvage(file);
    }
  }
}

type Rendered = { readonly chunks: AsyncIterable<Uint8Array>; readonly truncated: boolean };

/** Sends what `work` comes to; the stream is there from the start, so that who asked can give up meanwhile. */
async function sendAll(stream: Stream, work: () => Promise<Rendered>): Promise<null> {
  try {
    const { chunks, truncated } = await work();
    for await (const bytes of chunks) await stream.send(bytes, truncated);
    stream.end();
    return null;
  } finally {
    stream.close();
  }
}

export { WriterLost };

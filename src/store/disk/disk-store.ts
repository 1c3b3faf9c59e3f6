import { statSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { messageOf } from '../../base/index.ts';
import { expiryClock } from '../message-bytes.ts';
import type { QueueId, TableName } from '../port.ts';
import { copyStore } from './backup.ts';
import { type CleanMark, readCleanMark, writeCleanMark } from './check/clean-mark.ts';
import { inspectInChild } from './check/inspect-child.ts';
import { sumTable } from './check/inspect-table.ts';
import { damagedValue, knownOf, lostTable, oldTable, queueNamer } from './check/known.ts';
import { type OpenedTable, openTable, tableIsOpen } from './check/open-table.ts';
import { createTableFaults } from './check/table-faults.ts';
import { copyTableInChild } from './copy/copy-child.ts';
import { createDamageList, type DamageList, setAside } from './damage.ts';
import { numbersOfStart, type OpenedFormat, openFormat, type StoreFormat, syncNameOfStore } from './format.ts';
import { keepOrigins, wantedOrigins, withKeptOrigins } from './kept-origins.ts';
import { cleanSegment, firstWanted, freeSegments, segmentToClean } from './log/cleaner.ts';
import { DiskLog } from './log/disk-log.ts';
import { FIRST_RECORD, type Place, TABLES } from './log/layout.ts';
import { LogWriter } from './log/log-writer.ts';
import { logFolderOf, type ReadLog, readLog } from './log/open-log.ts';
import { QueueIndex } from './log/queue-index.ts';
import type { DiskStore, DiskStoreOptions } from './options.ts';
import { changesThatFail, newest, noChanges, type Pending, TABLE_FAILS } from './pending.ts';
import type { Stamp } from './table/stamp.ts';
import type { DamagedValue, StoredTable, Table } from './table/table.ts';

export type { DiskStore, DiskStoreOptions };

/** The table follows the log at least so often, while it has changed. */
const TABLE_MS = 1000;
/** With `async` what was written is synced so often. */
const ASYNC_SYNC_MS = 1000;

/** After that a stop waits no longer for a store that cannot be written. */
const CLOSE_MS = 2000;

/** Opens the store in a folder, or makes a new one there. The caller has the data folder's lock. */
export async function openDiskStore(options: DiskStoreOptions): Promise<DiskStore> {
  const { folder, clock, logger, stop } = options;
  stop?.throwIfAborted();
  const damage = createDamageList(folder, clock, logger);
  const found = await openFormat(folder, clock, damage.add);
  const logFolder = logFolderOf(folder);
  await mkdir(logFolder, { recursive: true, mode: 0o700 });
  const syncing = syncNameOfStore(folder);
  syncing.catch(() => {}); // looked at before the table is opened
  const clean = await readCleanMark(folder);
  const { inspect = inspectInChild } = options;
  const closed = clean?.table ?? null;
  const opened = await openTable({ folder, closed, inspect, clock, logger, damaged: damage.add, syncing, stop });
  try {
    return await openWith(options, { damage, found, clean, opened });
  } catch (error) {
    if (stop?.aborted && error === stop.reason) {
      // Else the next start fears that LMDB ended this one.
      await opened.table.close();
      await tableIsOpen(folder);
    }
    throw error;
  }
}

type Begun = { damage: DamageList; found: OpenedFormat; clean: CleanMark | null; opened: OpenedTable };

/** What follows when the table is open. */
async function openWith(
  options: DiskStoreOptions,
  { damage, found, clean, opened }: Readonly<Begun>,
): Promise<DiskStore> {
  const { folder, clock, logger, stop } = options;
  const { incarnation } = found;
  const logFolder = logFolderOf(folder);
  const { table } = opened;
  const stamp = table.stamp();
  const keep = (path: string): Promise<string> => setAside(folder, path, clock);
  const known = knownOf(clean, stamp, opened.isSound);
  const read = await readLog(logFolder, incarnation, { segmentBytes: options.segmentBytes, known, keep, stop });
  for (const { from, to, what, ...one } of read.damage) {
    damage.add({ ...one, what: to > from ? `${what} (from ${from} to ${to})` : what }, what);
  }
  const { sequences } = read.files;
  const { missing } = opened;
  const old =
    missing === null
      ? oldTable(join(folder, 'table'), stamp, sequences)
      : lostTable(join(folder, 'table', 'data.mdb'), missing, { clean, numbersAfter: found.numbersAfter, sequences });
  if (old !== null) damage.add(old);
  const unapplied = await changesThatFail(table, read.replay.changes, logger).catch(async (error: unknown) => {
    await read.files.close();
    throw error;
  });
  stop?.throwIfAborted();
  await tableIsOpen(folder);
  const names = new Map<string, QueueId>();
  const damagedQueue = (value: DamagedValue): void => damage.add(damagedValue(folder, value));
  for (const [name, value] of newest(table.entries('queue', damagedQueue), unapplied.get('queue'))) {
    names.set(name, value.readUInt32LE(0));
  }
  const { origins: all } = withKeptOrigins(found, table);
  const format = { ...found, origins: wantedOrigins(all, read.replay.queues) };
  const [lastNumber] = await Promise.all([
    numbersOfStart(folder, format, read.replay.lastNumber, logger),
    keepOrigins(table, format, logger),
  ]);
  let log: DiskLog | null = null;
  const writer = new LogWriter({
    files: read.files,
    clock,
    incarnation,
    firstSequence: read.nextSequence,
    beforeEnd: read.beforeEnd,
    nextNumber: () => (log?.lastNumber ?? lastNumber) + 1,
    syncEveryMs: options.durability === 'sync' ? 0 : ASYNC_SYNC_MS,
    events: {
      failed: (error) =>
        logger.error({ error: messageOf(error) }, 'the store cannot be written: nothing is acknowledged'),
      recovered: () => logger.info({}, 'the store can be written again'),
    },
  });
  read.files.prepare(); // or the first who waits for an acknowledgement waits for zeroes
  const nameOf = queueNamer(names);
  log = new DiskLog({
    files: read.files,
    writer,
    segments: read.replay.segments,
    queues: read.replay.queues,
    clock: expiryClock(clock),
    lastNumber,
    lost: ({ sequence, number, queue, why }) => {
      read.files.keep(sequence, keep);
      const file = read.files.fileOf(sequence)?.path ?? logFolder;
      const which = [`message ${number} for ${nameOf(queue)}: ${why}`];
      damage.add({ file, what: 'messages that cannot be read', count: 1, which, kept: null });
    },
  });
  const owned = new Set(names.values());
  // Also of queues that are gone: the log may still have messages for them.
  const lastQueue = Math.max(0, ...owned, ...log.queues.keys());
  for (const [queue, { entries }] of log.queues) {
    if (owned.has(queue)) continue;
    if (entries > 0 && (opened.isPart || damage.all.length > 0)) {
      const what = 'messages of a queue whose session nobody knows any more';
      damage.add({ file: logFolder, what, count: entries, which: [`queue ${queue}: ${entries}`], kept: null });
    }
    log.dropQueue(queue);
  }
  // Of what was lost nobody knows whether it had been taken off.
  if (damage.all.length > 0) for (const index of log.queues.values()) index.ackedThrough = 0;
  for (const queue of owned) if (!log.queues.has(queue)) log.queues.set(queue, new QueueIndex());
  return storeOf(options, format, log, table, { names, lastQueue, unapplied }, damage, read);
}

type Opened = {
  readonly names: Map<string, QueueId>;
  readonly lastQueue: QueueId;
  /** What the log has and the table does not. */
  readonly unapplied: Pending;
};

function storeOf(
  { folder, clock, logger, durability, tableMs = TABLE_MS, copyTable = copyTableInChild }: DiskStoreOptions,
  format: StoreFormat,
  log: DiskLog,
  table: Table,
  { names, lastQueue: last, unapplied }: Opened,
  damage: DamageList,
  read: Pick<ReadLog, 'nextSequence' | 'beforeEnd'>,
): DiskStore {
  const byId = new Map([...names].map(([name, id]) => [id, name]));
  let lastQueue = last;
  let pending = unapplied;
  /** On their way into the table. */
  let applying = noChanges();
  let following: Promise<void> | null = null;
  let timer: NodeJS.Timeout | null = null;
  let closed = false;
  /** Backups under way: they need every segment that there is. */
  const copies = new Set<Promise<void>>();
  const stopping = new AbortController();
  const faultOfTable = createTableFaults(folder, damage, logger);
  /** There is more to do when what is under way is done. */
  let again = false;

  function change(name: StoredTable, key: string, value: Uint8Array | null): void {
    log.change(TABLES.indexOf(name), key, value);
    pending.get(name)?.set(key, value);
    later();
  }

  /** The table follows, and segments become free. */
  function later(): void {
    if (timer !== null || following !== null || closed) return;
    timer = setTimeout(() => {
      timer = null;
      void catchUp();
    }, tableMs);
  }

  /** Resolves when the table has all that was changed until now. */
  async function catchUp(): Promise<void> {
    while (following !== null) await following;
    following = follow().finally(() => {
      following = null;
      if (again) later();
      again = false;
    });
    await following;
  }

  function syncedPlace(): Place {
    const { synced } = log.writer;
    const hasBegun = synced.sequence > read.nextSequence || synced.offset > FIRST_RECORD;
    return hasBegun ? synced : { sequence: read.nextSequence - 1, offset: read.beforeEnd };
  }

  function stampAt(has: number, needs: number): Stamp {
    return { has, needs, synced: syncedPlace(), nextNumber: log.lastNumber + 1 };
  }

  async function follow(): Promise<void> {
    const changes = pending;
    const upTo = log.writer.sequence;
    applying = changes;
    pending = noChanges();
    try {
      if ((log.files.sequences[0] ?? upTo) < upTo) log.repeatAckedThrough();
      await log.mark().synced;
      const wanted = firstWanted(log, upTo);
      await table.apply(changes, stampAt(upTo, wanted));
      applying = noChanges();
      if (copies.size > 0) return;
      await freeSegments(log, wanted);
      const oldest = segmentToClean(log);
      if (oldest === null) return;
      await cleanSegment(log, oldest, () => new Promise((resolve) => setImmediate(resolve)));
      await log.mark().synced;
      again = true; // that it is free has to be in the table first
    } catch (error) {
      // What is newer counts.
      for (const [name, entries] of pending) for (const [key, value] of entries) changes.get(name)?.set(key, value);
      pending = changes;
      applying = noChanges();
      faultOfTable(error);
      logger.error({ error: messageOf(error) }, TABLE_FAILS);
      again = true;
    }
  }

  // What was told of and set aside is not missed again by the next start.
  if (damage.all.length > 0) void catchUp();
  else if ([...unapplied.values()].some(({ size }) => size > 0)) later();

  return {
    incarnation: format.incarnation,
    origins: format.origins,
    engine: 'disk',
    damage: damage.all,
    failing: () => log.writer.failing,
    openQueue(name) {
      const known = names.get(name);
      if (known !== undefined) return known;
      lastQueue += 1;
      const value = Buffer.alloc(4);
      value.writeUInt32LE(lastQueue);
      names.set(name, lastQueue);
      byId.set(lastQueue, name);
      log.queues.set(lastQueue, new QueueIndex());
      change('queue', name, value);
      return lastQueue;
    },
    dropQueue(queue) {
      const name = byId.get(queue);
      if (name === undefined) return;
      names.delete(name);
      byId.delete(queue);
      log.dropQueue(queue);
      change('queue', name, null);
    },
    append(message, targets) {
      later(); // the stamp says how far the log was synced: what is damaged behind that would pass for cut short
      return log.append(message, targets);
    },
    ack(queue, number) {
      log.ack(queue, number);
      later();
    },
    ackThrough(queue, number) {
      log.ackThrough(queue, number);
      later();
    },
    ackedThrough: (queue) => log.queues.get(queue)?.ackedThrough ?? 0,
    sent: (queue, entry) => log.sent(queue, entry),
    inFlight: (queue) => log.queues.get(queue)?.inFlight.list() ?? [],
    read: (queue, after, limit, maxBytes) => log.read(queue, after, limit, maxBytes),
    first: (queue, after) => log.queues.get(queue)?.first(after) ?? null,
    depth(queue) {
      const found = log.queues.get(queue);
      return { entries: found?.entries ?? 0, bytes: found?.bytes ?? 0 };
    },
    put: (name, key, value) => change(name, key, value),
    remove: (name, key) => change(name, key, null),
    async *entries(name: TableName) {
      // What the table lacks comes along: nobody waits until it has that.
      const changes = new Map([...(applying.get(name) ?? []), ...(pending.get(name) ?? [])]);
      const entries = table.entries(name, (value) => damage.add(damagedValue(folder, value)));
      try {
        yield* newest(entries, changes);
      } catch (error) {
        throw faultOfTable(error) ?? error;
      }
    },
    caughtUp: catchUp,
    tableBytes: () => statSync(join(folder, 'table', 'data.mdb'), { throwIfNoEntry: false })?.size ?? 0,
    unsyncedBytes: () => log.writer.unsyncedBytes,
    onSynced(listener) {
      log.writer.onWritten = listener;
    },
    logBytes: () => log.files.bytes,
    commit() {
      const done = log.commit();
      return durability === 'sync' ? done : null;
    },
    async backup(target, stop) {
      const ends = stop === undefined ? stopping.signal : AbortSignal.any([stopping.signal, stop]);
      // A round that began before may be freeing segments.
      const free = following ?? Promise.resolve();
      const copy = free.then(() => copyStore({ log, table, format, copyTable, stop: ends }, target));
      copies.add(copy);
      try {
        await copy;
      } finally {
        copies.delete(copy);
        later();
      }
    },
    async close(byMs: number = Number.POSITIVE_INFINITY) {
      closed = true;
      stopping.abort();
      await Promise.allSettled(copies);
      if (timer !== null) clearTimeout(timer);
      // A stop does not wait for a disk that is broken.
      const giveUp = setTimeout(() => log.writer.giveUp(), Math.min(CLOSE_MS, byMs - clock.monotonicMs()));
      await Promise.race([catchUp(), log.writer.givenUp]);
      await log.writer.close();
      clearTimeout(giveUp);
      if (log.writer.failing) {
        const bytes = log.writer.unsyncedBytes;
        logger.error({ bytes }, 'the store could not be written to its end: what was not synced is gone');
      }
      await table.close();
      await log.files.close();
      const sum = await sumTable(join(folder, 'table'));
      if (sum === null || log.writer.failing) return;
      await writeCleanMark(folder, { log: syncedPlace(), table: sum }).catch((error: unknown) => {
        logger.warn(
          { error: messageOf(error) },
          'the mark of a clean stop could not be written: the next start looks at all of the store',
        );
      });
    },
  };
}

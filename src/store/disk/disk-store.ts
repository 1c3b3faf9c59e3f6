import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { type Clock, type Logger, messageOf } from '../../base/index.ts';
import { expiryClock } from '../message-bytes.ts';
import type { QueueId, Store, TableName } from '../port.ts';
import { copyStore } from './backup.ts';
import { numbersOfStart, openFormat, type StoreFormat } from './format.ts';
import { cleanSegment, freeSegments, segmentToClean } from './log/cleaner.ts';
import { DiskLog, TABLES } from './log/disk-log.ts';
import { LogWriter } from './log/log-writer.ts';
import { type Damage, readLog } from './log/open-log.ts';
import { QueueIndex } from './log/queue-index.ts';
import { type StoredTable, Table } from './table/table.ts';

export type DiskStoreOptions = {
  readonly folder: string;
  readonly clock: Clock;
  readonly logger: Logger;
  /** `sync`: a commit is done when it is on disk. `async`: at once, and it is on disk soon. */
  readonly durability: 'sync' | 'async';
  /** Of a segment of the log; tests take small ones. */
  readonly segmentBytes?: number;
  /** The table follows the log so long after a change, in ms; 1000 when not given. */
  readonly tableMs?: number;
};

/** A store on disk, with what was found when it was opened. */
export type DiskStore = Store & {
  readonly damage: readonly Damage[];
  /** Writes are failing: nothing is acknowledged until they succeed. */
  readonly failing: () => boolean;
  /** Copies all of it into an empty folder, as of one moment, while it is in use. The copy is a store: see docs/storage.md. */
  readonly backup: (folder: string) => Promise<void>;
};

/** The table follows the log at least so often, while it has changed. */
const TABLE_MS = 1000;

/** Opens the store in a folder, or makes a new one there. */
export async function openDiskStore(options: DiskStoreOptions): Promise<DiskStore> {
  const { folder, clock, logger } = options;
  const format = await openFormat(folder);
  const { incarnation } = format;
  const logFolder = join(folder, 'log');
  await mkdir(logFolder, { recursive: true, mode: 0o700 });
  const read = await readLog(logFolder, incarnation, options.segmentBytes);
  const table = await Table.open(join(folder, 'table'));
  await table.apply(read.replay.changes);
  const names = new Map<string, QueueId>();
  for (const [name, value] of table.entries('queue', (damaged) => logger.error(damaged, 'a queue is damaged'))) {
    names.set(name, value.readUInt32LE(0));
  }
  const lastNumber = await numbersOfStart(folder, format, read.replay.lastNumber, logger);
  let log: DiskLog | null = null;
  const writer = new LogWriter({
    files: read.files,
    clock,
    incarnation,
    firstSequence: read.nextSequence,
    nextNumber: () => (log?.lastNumber ?? lastNumber) + 1,
    events: {
      failed: (error) =>
        logger.error({ error: messageOf(error) }, 'the store cannot be written: nothing is acknowledged'),
      recovered: () => logger.info({}, 'the store can be written again'),
    },
  });
  log = new DiskLog({
    files: read.files,
    writer,
    segments: read.replay.segments,
    queues: read.replay.queues,
    clock: expiryClock(clock),
    lastNumber,
  });
  const known = new Set(names.values());
  // Also of queues that are gone: the log may still have messages for them.
  const lastQueue = Math.max(0, ...known, ...log.queues.keys());
  for (const queue of log.queues.keys()) if (!known.has(queue)) log.dropQueue(queue);
  for (const queue of known) if (!log.queues.has(queue)) log.queues.set(queue, new QueueIndex());
  return storeOf(options, format, log, table, { names, lastQueue }, read.damage, read.nextSequence);
}

function storeOf(
  { logger, durability, tableMs = TABLE_MS }: DiskStoreOptions,
  format: StoreFormat,
  log: DiskLog,
  table: Table,
  { names, lastQueue: last }: { readonly names: Map<string, QueueId>; readonly lastQueue: QueueId },
  damage: readonly Damage[],
  firstSequence: number,
): DiskStore {
  const byId = new Map([...names].map(([name, id]) => [id, name]));
  let lastQueue = last;
  let pending = noChanges();
  /** Changes of the table in segments before this one are in the table. */
  let tableHas = firstSequence;
  let following: Promise<void> | null = null;
  let timer: NodeJS.Timeout | null = null;
  let closed = false;
  /** Backups under way: they need every segment that there is. */
  const copies = new Set<Promise<void>>();

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
    });
    await following;
  }

  async function follow(): Promise<void> {
    const changes = pending;
    const upTo = log.writer.sequence;
    pending = noChanges();
    try {
      await log.commit();
      await table.apply(changes);
      tableHas = upTo;
      if (copies.size > 0) return;
      await freeSegments(log, tableHas);
      const oldest = segmentToClean(log);
      if (oldest === null) return;
      await cleanSegment(log, oldest, () => new Promise((resolve) => setImmediate(resolve)));
      await log.commit();
      await freeSegments(log, tableHas);
      later();
    } catch (error) {
      // What is newer counts.
      for (const [name, entries] of pending) for (const [key, value] of entries) changes.get(name)?.set(key, value);
      pending = changes;
      logger.error({ error: messageOf(error) }, 'the table of the store cannot be written; the log has what it lacks');
      later();
    }
  }

  return {
    incarnation: format.incarnation,
    origins: format.origins,
    engine: 'disk',
    damage,
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
    append: (message, targets) => log.append(message, targets),
    ack(queue, number) {
      log.ack(queue, number);
      later();
    },
    ackThrough(queue, number) {
      log.ackThrough(queue, number);
      later();
    },
    sent: (queue, entry) => log.sent(queue, entry),
    inFlight: (queue) => log.queues.get(queue)?.inFlight.list() ?? [],
    read: (queue, after, limit, maxBytes) => log.read(queue, after, limit, maxBytes),
    depth(queue) {
      const found = log.queues.get(queue);
      return { entries: found?.entries ?? 0, bytes: found?.bytes ?? 0 };
    },
    put: (name, key, value) => change(name, key, value),
    remove: (name, key) => change(name, key, null),
    async *entries(name: TableName) {
      await catchUp();
      yield* table.entries(name, (damaged) => logger.error(damaged, 'a value in the store is damaged'));
    },
    commit() {
      const done = log.commit();
      return durability === 'sync' ? done : null;
    },
    async backup(target) {
      // A round that began before may be freeing segments.
      const free = following ?? Promise.resolve();
      const copy = free.then(() => copyStore({ log, table, format, stopping: () => closed }, target));
      copies.add(copy);
      try {
        await copy;
      } finally {
        copies.delete(copy);
        later();
      }
    },
    async close() {
      closed = true;
      await Promise.allSettled(copies);
      if (timer !== null) clearTimeout(timer);
      await catchUp();
      await log.writer.close();
      await table.close();
      await log.files.close();
    },
  };
}

function noChanges(): Map<StoredTable, Map<string, Uint8Array | null>> {
  return new Map(TABLES.map((table) => [table, new Map()]));
}

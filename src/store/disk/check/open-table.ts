import { mkdir, open, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { type Clock, type Logger, messageOf, syncFolder } from '../../../base/index.ts';
import { type Damage, damagedFolder, exists, setAside, timeOf } from '../damage.ts';
import { type RemovedValue, Table } from '../table/table.ts';
import { beginOpening, diedOpening, endOpening, removeCleanMark } from './clean-mark.ts';
import type { Inspection, InspectTable } from './inspect-child.ts';
import {
  type FileSum,
  inspectPages,
  nameOf,
  removeLockFile,
  sumTable,
  type TableGap,
  tableGap,
} from './inspect-table.ts';

export type OpenTableOptions = {
  /** The store's. */
  readonly folder: string;
  /** Of the table's file when the store was closed; null: it was not closed in good order. */
  readonly closed: FileSum | null;
  readonly inspect: InspectTable;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly damaged: (damage: Damage) => void;
  /** What has to be on disk before LMDB opens the table, and is being synced beside the table itself. */
  readonly syncing: Promise<unknown>;
  /** Ends the look of the child process, and the opening. */
  readonly stop?: AbortSignal | undefined;
};

export type OpenedTable = {
  readonly table: Table;
  /** Values may be lost: a queue that nobody knows may be somebody's. */
  readonly isPart: boolean;
  /** The file is as it was left: all that its stamp says is true. */
  readonly isSound: boolean;
  /** What of its file was found: nothing, or one of no bytes. Null: there was one. */
  readonly missing: TableGap | null;
};

/** Values that are put into a table that is begun anew before others have their turn. */
const STEP = 1000;

/**
 * Opens the table of a store, of which Sonde has the lock. Unless its file is as it was when the store was closed, a child
 * process looks at it first. Values that are damaged are named, kept in a file, and removed. A file that LMDB must not open is
 * moved aside, and the table begun anew with the values that can be read without LMDB.
 */
export async function openTable(options: OpenTableOptions): Promise<OpenedTable> {
  const { folder, damaged, syncing, stop } = options;
  const path = join(folder, 'table');
  const next = join(folder, 'table-new');
  // A start that died between the two steps of `beginAnew`: the new table is whole.
  if (!(await exists(path)) && (await exists(next))) await rename(next, path);
  await rm(next, { recursive: true, force: true });
  await rm(oldTable(folder), { recursive: true, force: true });
  const missing = await tableGap(path);
  if (missing !== null) {
    await rm(join(path, 'data.mdb'), { force: true });
    await syncing;
    stop?.throwIfAborted();
    const table = await openMarked(folder, path);
    // LMDB has synced its file. With the names durable, too, whoever finds no table later knows that there was one.
    await Promise.all([syncFolder(path), syncFolder(folder)]);
    return { table, isPart: false, isSound: false, missing };
  }
  // A process that was killed may have written a commit's last page and not synced it: LMDB would go on from there, and use pages that
  // what is on disk still needs. Its name may not be durable yet, either.
  await Promise.all([syncFile(join(path, 'data.mdb')), syncFolder(path), syncing]);
  stop?.throwIfAborted();
  const trouble = await troubleOf(options, path);
  let isPart = false;
  if (trouble !== null) isPart = await beginAnew(options, path, trouble);
  const table = await openMarked(folder, path);
  if (trouble === null) return { table, isPart, isSound: true, missing };
  if (trouble.inspection.findings?.bad.length === 0) return { table, isPart, isSound: false, missing };
  const removed = await table.removeDamaged();
  if (removed.length > 0) {
    const kept = await keepValues(options, removed);
    const which = removed.map(nameOf).map(({ table, key }) => `${table} ${key}`);
    damaged({
      file: join(path, 'data.mdb'),
      what: 'values that are not what was stored',
      count: removed.length,
      which,
      kept,
    });
  }
  return { table, isPart: isPart || removed.length > 0, isSound: false, missing };
}

/** `isSound`: LMDB may open the file, its values have to be looked at. `died`: the start before, while it did, with these words. */
type Trouble = { readonly isSound: boolean; readonly died: string | null; readonly inspection: Inspection };

/** Null: the file is as good as when it was closed. */
async function troubleOf(
  { folder, closed, inspect, logger, stop }: OpenTableOptions,
  path: string,
): Promise<Trouble | null> {
  const died = await diedOpening(folder);
  const now = await sumTable(path).catch(() => null);
  if (died === null && closed !== null && now !== null && closed.bytes === now.bytes && closed.sum === now.sum)
    return null;
  await removeLockFile(path);
  const inspection = await inspect(path, stop);
  await removeLockFile(path);
  stop?.throwIfAborted();
  const { findings } = inspection;
  const isSound = inspection.died === null && findings !== null && findings.faults.length === 0;
  // What was changed while nobody used it was changed where nobody looks: LMDB might trip over it later.
  const isAsLeft = closed === null && now !== null;
  logger.debug({ isSound, isAsLeft, died }, 'the table was looked at before it is opened');
  if (isSound && isAsLeft && died === null && findings.bad.length === 0) return null;
  return { isSound: isSound && isAsLeft && died === null, died, inspection };
}

/** Writes the table anew with what can be read of it, unless it is sound. Answers whether values may be lost. */
async function beginAnew(options: OpenTableOptions, path: string, trouble: Trouble): Promise<boolean> {
  if (trouble.isSound) return false;
  const { folder, clock, logger, damaged } = options;
  await removeCleanMark(folder);
  const next = join(folder, 'table-new');
  const table = await Table.open(next);
  const values: { table: string; key: string; value: Buffer }[] = [];
  const findings = (() => {
    try {
      return inspectPages(path, (table, key, value) => values.push({ table, key, value }));
    } catch (error) {
      logger.error({ error: messageOf(error) }, 'the damaged table cannot be read at all');
      return null;
    }
  })();
  for (let i = 0; i < values.length; i += STEP) await table.copy(values.slice(i, i + STEP));
  await table.close();
  await removeLockFile(next);
  // With all its names, before anything happens to the one that there is.
  await syncFolder(next);
  await syncFolder(folder);
  const ended = trouble.inspection.died ?? '';
  const words = ended !== '' ? `ended with ${ended}` : `said: ${trouble.died}`;
  const isBad = ended !== '' || (trouble.died ?? '') !== '';
  const wasWhole = findings !== null && findings.faults.length === 0 && findings.bad.length === 0;
  if (wasWhole && !isBad && trouble.died !== null) {
    // The start before may have been killed just then; that the table is written anew is only for safety.
    logger.warn(
      {},
      'the last start ended while it opened the table of the store: it was written anew, with all its values',
    );
    await rename(path, oldTable(folder));
  } else {
    const kept = await setAside(folder, path, clock);
    const bad = (findings?.bad ?? []).map(({ table, key }) => `${table} ${key}`);
    const faults = (findings?.faults ?? []).map(({ page, what }) => `page ${page} ${what}`);
    damaged({
      file: join(path, 'data.mdb'),
      what: isBad ? `its pages are damaged: LMDB, reading it, ${words}` : 'its pages are damaged',
      count: wasWhole ? 0 : lostOf(findings),
      which: [...bad, ...faults],
      kept,
    });
  }
  await rename(next, path);
  await syncFolder(folder);
  await rm(oldTable(folder), { recursive: true, force: true });
  return !wasWhole;
}

/** A table that was written anew, until the new one is in its place for good. */
function oldTable(folder: string): string {
  return join(folder, 'table-old');
}

/** Values that the file says it has and that could not be read; null: it cannot say. */
function lostOf(findings: ReturnType<typeof inspectPages> | null): number | null {
  if (findings === null || findings.counts.length === 0) return null;
  if (findings.faults.some(({ what }) => what.startsWith('the list of tables'))) return null;
  const lost = findings.counts.reduce((sum, { entries, found }) => sum + Math.abs(entries - found), 0);
  const isKnown = Number.isSafeInteger(lost) && lost < 1e9;
  return isKnown ? lost + findings.bad.length : null;
}

async function syncFile(path: string): Promise<void> {
  const handle = await open(path, 'r+').catch(() => null);
  if (handle === null) return; // whoever looks at it says why
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

async function openMarked(folder: string, path: string): Promise<Table> {
  await removeLockFile(path);
  await removeCleanMark(folder);
  await beginOpening(folder);
  return Table.open(path);
}

/** The table has been opened and written to: the next start need not fear it. */
export { endOpening as tableIsOpen };

async function keepValues({ folder, clock }: OpenTableOptions, removed: readonly RemovedValue[]): Promise<string> {
  const kept = join(damagedFolder(folder), `${timeOf(clock)}-values.jsonl`);
  await mkdir(damagedFolder(folder), { recursive: true, mode: 0o700 });
  const handle = await open(kept, 'a', 0o600);
  try {
    for (const { table, key, value } of removed) {
      const line = { table, key: key.toString('base64'), value: value.toString('base64') };
      await handle.writeFile(`${JSON.stringify(line)}\n`);
    }
    await handle.sync();
  } finally {
    await handle.close();
  }
  return kept;
}

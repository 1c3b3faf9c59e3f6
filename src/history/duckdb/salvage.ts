import { existsSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import type { DuckDBConnection } from '@duckdb/node-api';
import { messageOf } from '../../base/index.ts';
import type { HistoryLimits } from '../options.ts';
import type { HistoryDamage } from '../port.ts';
import { isDamage, moveAside, syncFile } from './damage.ts';
import { openDatabase } from './database.ts';
import { describeLost } from './lost-rows.ts';
import { dropJournal } from './rollback-journal.ts';
import { literal, rowsOf } from './rows.ts';

/*
 * A database with a damaged block, copied as far as it can be read. DuckDB has a checksum for each block, which it looks at with each
 * reading: what is damaged is never answered, and rows beside it can be read by their place.
 *
 *     history.duckdb.salvage      the note: a damaged block was met, the next opening salvages
 *     history.duckdb.salvaging    the copy, under way: worth nothing
 *     history.duckdb.salvaged     the copy, whole: it takes the database's place, whatever happens between
 */
const noteOf = (file: string): string => `${file}.salvage`;
const underWayOf = (file: string): string => `${file}.salvaging`;
const wholeOf = (file: string): string => `${file}.salvaged`;

/** Rows that are copied at once: one row group of DuckDB. */
export const GROUP = 122_880;
/** A part that cannot be read is halved down to this. */
const LEAST = 2048;
/** Row groups between two checkpoints of the copy. */
const CHECKPOINT_EVERY = 64;

/** The rows from `from` up to `to` of a table, by their place. */
export type RowRange = { readonly from: number; to: number };

/** Has the next opening salvage the database. Durable when it returns. */
export function wantSalvage(file: string): void {
  if (existsSync(noteOf(file))) return;
  writeFileSync(noteOf(file), '', { mode: 0o600 });
  syncFile(noteOf(file));
  syncFolderOf(file);
}

export function isSalvageWanted(file: string): boolean {
  return existsSync(noteOf(file));
}

/** The database that the note was of has been set aside. */
export function forgetSalvage(file: string): void {
  rmSync(noteOf(file), { force: true });
}

/** Ends the exchange that a process before this one began. To be called before anything else looks at the files. */
export function finishSalvage(file: string): void {
  rmSync(underWayOf(file), { force: true });
  rmSync(`${underWayOf(file)}.wal`, { force: true });
  if (existsSync(wholeOf(file))) exchange(file);
}

/**
 * Copies what can be read into a new database, which takes the place of the damaged one; that is kept. Answers what is lost. Rejects
 * when it cannot, with nothing changed: nobody has the database open.
 */
export async function salvage(file: string, limits: HistoryLimits): Promise<readonly HistoryDamage[]> {
  const underWay = underWayOf(file);
  const found: string[] = [];
  const copy = await openDatabase(underWay, limits);
  try {
    const { writer } = copy;
    await writer.run(`ATTACH ${literal(file)} AS damaged (READ_ONLY)`);
    // Without the names of the series no point is anybody's: then the whole is begun anew, as when it cannot be opened.
    await writer.run('INSERT INTO series SELECT * FROM damaged.series');
    await writer.run('INSERT INTO position SELECT * FROM damaged.position').catch((error: unknown) => {
      if (!isDamage(messageOf(error))) throw error;
      found.push('table position cannot be read: messages that still wait in the queue may be recorded twice');
    });
    // The figures of the series are counted anew when it is opened.
    for (const table of ['point', 'text'] as const) {
      const lost = await copyRows(writer, table);
      if (lost.length > 0) found.push(await describeLost(writer, table, lost));
    }
    await writer.run('DETACH damaged');
    await writer.run('CHECKPOINT');
  } catch (error) {
    copy.close();
    finishSalvage(file);
    throw error;
  }
  copy.close();
  rmSync(copy.tempFolder, { recursive: true, force: true });
  syncFile(underWay);
  renameSync(underWay, wholeOf(file));
  syncFolderOf(file);
  const kept = exchange(file);
  const all = found.length > 0 ? found : ['all of its rows could be read'];
  return all.map((what) => ({ file, what, kept }));
}

/** Copies the rows of a table, group by group; answers which could not be read. */
async function copyRows(writer: DuckDBConnection, table: string): Promise<readonly RowRange[]> {
  const [[total] = []] = await rowsOf(writer, `SELECT count(*)::DOUBLE FROM damaged.${table}`);
  const lost: RowRange[] = [];
  const copy = async (from: number, to: number): Promise<void> => {
    try {
      await writer.run(`INSERT INTO ${table} SELECT * FROM damaged.${table} WHERE rowid >= ${from} AND rowid < ${to}`);
    } catch (error) {
      if (!isDamage(messageOf(error))) throw error;
      if (to - from > LEAST) {
        const middle = from + Math.ceil((to - from) / 2 / LEAST) * LEAST;
        await copy(from, middle);
        await copy(middle, to);
        return;
      }
      const last = lost.at(-1);
      if (last?.to === from) last.to = to;
      else lost.push({ from, to });
    }
  };
  for (let from = 0, groups = 1; from < Number(total); from += GROUP, groups++) {
    await copy(from, Math.min(from + GROUP, Number(total)));
    if (groups % CHECKPOINT_EVERY === 0) await writer.run('CHECKPOINT');
  }
  return lost;
}

/** Puts the copy in the database's place. Answers where the damaged one is kept; null: it was away already. */
function exchange(file: string): string | null {
  // How long a log was that belongs to the damaged one.
  rmSync(`${file}.mark`, { force: true });
  dropJournal(file);
  if (existsSync(`${file}.wal`)) moveAside(`${file}.wal`);
  const kept = existsSync(file) ? moveAside(file) : null;
  renameSync(wholeOf(file), file);
  rmSync(noteOf(file), { force: true });
  syncFolderOf(file);
  return kept;
}

function syncFolderOf(file: string): void {
  if (process.platform !== 'win32') syncFile(dirname(file));
}

import { closeSync, existsSync, fsyncSync, openSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import type { HistoryDamage } from '../port.ts';
import { asideName, moveAside, syncFile } from './damage.ts';
import { dropJournal } from './rollback-journal.ts';

/*
 * How the copy of what is sound takes the place of a damaged database, whatever kills the process between.
 *
 *     history.duckdb.salvage         the note: a damaged block was met, the next opening salvages
 *     history.duckdb.salvaging       the copy, under way: worth nothing
 *     history.duckdb.salvaged.json   what was found, and the name that the damaged one is to have; there until it was told of
 *     history.duckdb.salvaged        the copy, whole: it takes the database's place
 */
const noteOf = (file: string): string => `${file}.salvage`;
export const underWayOf = (file: string): string => `${file}.salvaging`;
const foundOf = (file: string): string => `${file}.salvaged.json`;
export const wholeOf = (file: string): string => `${file}.salvaged`;

/** `kept`: a name in the same folder; null: the damaged one was away already. */
type Found = { readonly what: readonly string[]; readonly kept: string | null };

const UNKNOWN = 'what was sound was copied, and what is lost is not known: the note of it is gone';

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

/** Writes down what the copy under way lacks, one clause each. Durable when it returns. */
export function writeFound(file: string, what: readonly string[]): void {
  const found: Found = { what, kept: existsSync(file) ? basename(asideName(file)) : null };
  const handle = openSync(foundOf(file), 'w', 0o600);
  try {
    writeFileSync(handle, `${JSON.stringify(found)}\n`);
    fsyncSync(handle);
  } finally {
    closeSync(handle);
  }
  syncFolderOf(file);
}

/** What was found has been told of. */
export function forgetFound(file: string): void {
  rmSync(foundOf(file), { force: true });
}

/** The copy is whole: it takes the damaged one's place. Answers what is to be told. */
export function takeCopy(file: string): readonly HistoryDamage[] {
  renameSync(underWayOf(file), wholeOf(file));
  syncFolderOf(file);
  return finishSalvage(file);
}

/**
 * Ends the exchange that a process before this one began; answers what it did not come to tell. To be called before anything else looks
 * at the files.
 */
export function finishSalvage(file: string): readonly HistoryDamage[] {
  for (const end of ['', '.wal', '.new', '.tmp']) rmSync(underWayOf(file) + end, { recursive: true, force: true });
  if (existsSync(wholeOf(file))) exchange(file);
  const found = untold(file);
  // Its copy never became whole.
  if (found.length === 0) forgetFound(file);
  return found;
}

/** What a salvage has found that nobody was told of yet, whether its exchange is finished or not. Changes nothing. */
export function untold(file: string): readonly HistoryDamage[] {
  const isWhole = existsSync(wholeOf(file));
  const found = readFound(file);
  if (found === null) return isWhole ? [{ file, what: UNKNOWN, kept: null }] : [];
  const kept = found.kept === null ? null : join(dirname(file), found.kept);
  if (!isWhole && kept !== null && !existsSync(kept)) return [];
  return found.what.map((what) => ({ file, what, kept }));
}

/** Whether the next opening has to salvage, to end an exchange, or to tell what was found. Changes nothing. */
export function isSalvagePending(file: string): boolean {
  return untold(file).length > 0 || (isSalvageWanted(file) && existsSync(file));
}

function readFound(file: string): Found | null {
  try {
    const { what, kept } = JSON.parse(readFileSync(foundOf(file), 'utf8')) as Partial<Found>;
    if (!Array.isArray(what) || (kept !== null && typeof kept !== 'string')) return null;
    return { what: what.map(String), kept: kept === null ? null : basename(kept) };
  } catch {
    return null;
  }
}

/** Puts the copy in the database's place. */
function exchange(file: string): void {
  // How long a log was that belongs to the damaged one.
  rmSync(`${file}.mark`, { force: true });
  dropJournal(file);
  if (existsSync(`${file}.wal`)) moveAside(`${file}.wal`);
  if (readFound(file) === null) writeFound(file, [UNKNOWN]);
  if (existsSync(file)) {
    const name = readFound(file)?.kept ?? null;
    const kept = name === null ? asideName(file) : join(dirname(file), name);
    renameSync(file, existsSync(kept) ? asideName(file) : kept);
    syncFolderOf(file);
  }
  forgetSalvage(file);
  renameSync(wholeOf(file), file);
  syncFolderOf(file);
}

function syncFolderOf(file: string): void {
  if (process.platform !== 'win32') syncFile(dirname(file));
}

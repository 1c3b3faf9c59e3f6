import { closeSync, copyFileSync, existsSync, fsyncSync, openSync, renameSync, truncateSync } from 'node:fs';
import { dirname } from 'node:path';
import type { HistoryDamage } from '../port.ts';
import { ownWords } from './words.ts';

/** The database's own bytes are not what was written. */
export class DamagedDatabase extends Error {}

const DAMAGE =
  /corrupt|checksum|not a valid DuckDB|could not read enough bytes|deserializ|serialization error|internal error|input\/output error/i;
/** What cannot be written now is not damaged for that. */
const NO_DAMAGE =
  /no space|permission denied|out of memory|\block\b|read-only file system|could not (write|truncate|sync)|fsync failed/i;

/** Whether DuckDB's words on `file` mean that it is damaged, and not held, full, forbidden or of another version. */
export function isDamage(text: string, file?: string): boolean {
  const words = ownWords(text, file);
  return DAMAGE.test(words) && !NO_DAMAGE.test(words);
}

export const RECENT = 'what was recorded since the last checkpoint may be lost';

/**
 * Makes a damaged database one that can be opened, and keeps what was damaged beside it. Of a write-ahead log the whole part
 * is kept in use, on the first try; all else begins anew.
 */
export function mend(file: string, text: string, tries: number): HistoryDamage {
  const wal = `${file}.wal`;
  const words = ownWords(text, file);
  if (/\bWAL\b/.test(words) && existsSync(wal) && tries < 2) {
    const at = Number(/entry at byte position (\d+)/.exec(words)?.[1] ?? 0) - WAL_ENTRY_HEAD;
    const what = `its records cannot be read (${firstLine(text)}): ${RECENT}`;
    if (tries > 0 || at < 8) return { file: wal, what, kept: moveAside(wal) };
    const kept = asideName(wal);
    copyFileSync(wal, kept);
    syncFile(kept);
    truncateSync(wal, at);
    return { file: wal, what, kept };
  }
  const what = `it cannot be opened (${firstLine(text)}): history begins anew`;
  if (existsSync(wal)) moveAside(wal);
  return { file, what, kept: existsSync(file) ? moveAside(file) : null };
}

/** Before the body of an entry: its length and its checksum. The position that DuckDB tells is behind them. */
const WAL_ENTRY_HEAD = 16;

/** Moves a file away; answers where it is. */
export function moveAside(path: string): string {
  const kept = asideName(path);
  renameSync(path, kept);
  if (process.platform !== 'win32') syncFile(dirname(path));
  return kept;
}

export function asideName(path: string): string {
  const name = `${path}.damaged-${new Date().toISOString().replaceAll(':', '-')}`;
  for (let n = 1; ; n++) {
    const free = n === 1 ? name : `${name}.${n}`;
    if (!existsSync(free)) return free;
  }
}

export function syncFile(path: string): void {
  const handle = openSync(path, 'r');
  try {
    fsyncSync(handle);
  } finally {
    closeSync(handle);
  }
}

export function firstLine(text: string): string {
  return text.split('\n', 1)[0] ?? '';
}

/** What a read of a damaged block says, for who asked. */
export function damagedAnswer(text: string): string {
  return `a part of history is damaged and cannot be read (${firstLine(text)}): the next start of Sonde keeps what is sound, and says what is lost`;
}

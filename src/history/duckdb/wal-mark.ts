import {
  closeSync,
  copyFileSync,
  existsSync,
  fdatasyncSync,
  fsyncSync,
  openSync,
  readFileSync,
  readSync,
  statSync,
  truncateSync,
  writeSync,
} from 'node:fs';
import type { HistoryDamage } from '../port.ts';
import { asideName, moveAside, RECENT, syncFile } from './damage.ts';
import { ownWords } from './words.ts';

/*
 * DuckDB takes a write-ahead log that ends too early for one whose last write was cut short, passes over one that does not
 * begin as it should, and says nothing. So how long it was after each commit is noted beside it: `<file>.mark`, two doubles,
 * the length and its negative. The note follows the commit and is not synced: it never says more than what was.
 *
 *     wal     0  8  64 00 62 65 00 02 ff ff        then entries:  0  8  length of the body   8  8  checksum   16 body
 */
const WAL_BEGIN = Buffer.from('640062650002ffff', 'hex');
const ENTRY_HEAD = 16;
/** The entry that ends a commit is always the same. */
const COMMIT_END = Buffer.from('0500000000000000e7fe7d722fed3d5e640064ffff', 'hex');
const MARK_BYTES = 16;

export type WalMark = {
  /** A commit is durable; the log is so long now. */
  readonly note: (bytes: number) => void;
  /** The log is about to be folded in. Durable when it returns. */
  readonly clear: () => void;
  readonly close: () => void;
};

export function openWalMark(file: string): WalMark {
  const handle = openSync(`${file}.mark`, 'w+', 0o600);
  const bytes = Buffer.alloc(MARK_BYTES);
  const note = (length: number): void => {
    bytes.writeDoubleLE(length, 0);
    bytes.writeDoubleLE(-length, 8);
    try {
      writeSync(handle, bytes, 0, MARK_BYTES, 0);
    } catch {
      // A full disk: less can be said after a kill, that is all.
    }
  };
  note(0);
  fsyncSync(handle);
  return {
    note,
    clear: () => {
      note(0);
      fdatasyncSync(handle);
    },
    close: () => closeSync(handle),
  };
}

/** How long the log was at least, as the mark says. */
function markedLength(file: string): number {
  const bytes = Buffer.alloc(MARK_BYTES);
  try {
    const handle = openSync(`${file}.mark`, 'r');
    try {
      readSync(handle, bytes, 0, MARK_BYTES, 0);
    } finally {
      closeSync(handle);
    }
  } catch {
    return 0;
  }
  const length = bytes.readDoubleLE(0);
  return length > 0 && bytes.readDoubleLE(8) === -length ? length : 0;
}

/** What is wrong with a log, and what is to be done with it. */
export type WalFinding = { readonly what: string; readonly keep: 'nothing' | 'all' | 'copy' };

/** Looks at the log before DuckDB does; null: it is as it should be, as far as its lengths tell. What is damaged is kept. */
export function checkWal(file: string): HistoryDamage | null {
  if (!existsSync(file)) return strayWal(file);
  const found = findInWal(file);
  if (found === null) return null;
  const wal = `${file}.wal`;
  const { what, keep } = found;
  if (keep === 'nothing') return { file: wal, what, kept: null };
  if (keep === 'all') return { file: wal, what, kept: moveAside(wal) };
  const kept = asideName(wal);
  copyFileSync(wal, kept);
  syncFile(kept);
  return { file: wal, what, kept };
}

/** A log whose database is gone: DuckDB would begin another one over it. */
function strayWal(file: string): HistoryDamage | null {
  const wal = `${file}.wal`;
  const size = statSync(wal, { throwIfNoEntry: false })?.size ?? 0;
  return size === 0 ? null : { file: wal, what: 'the database that it belongs to is gone', kept: moveAside(wal) };
}

/** The same without changing anything. */
export function findInWal(file: string): WalFinding | null {
  const wal = `${file}.wal`;
  const marked = markedLength(file);
  const size = statSync(wal, { throwIfNoEntry: false })?.size ?? 0;
  if (size === 0) return marked === 0 ? null : { what: `it is gone: ${RECENT}`, keep: 'nothing' };
  const end = endOfEntries(wal, size);
  if (end === 0) return { what: `its beginning cannot be read: ${RECENT}`, keep: 'all' };
  return end >= marked ? null : { what: `it ends at ${end} and was ${marked} long: ${RECENT}`, keep: 'copy' };
}

/**
 * Takes the rest of a commit away that a power cut left in pieces: where it cannot be read, as DuckDB's words tell, lies behind all that is
 * known to be durable, and there is no other commit behind it. Nobody was told of it. Answers whether that was so.
 */
export function dropUnfinishedCommit(file: string, text: string): boolean {
  const wal = `${file}.wal`;
  const at = Number(/\bWAL\b.*entry at byte position (\d+)/s.exec(ownWords(text, file))?.[1] ?? 0) - ENTRY_HEAD;
  if (at < WAL_BEGIN.length || at < markedLength(file) || !existsSync(wal)) return false;
  const log = readFileSync(wal);
  const end = log.indexOf(COMMIT_END, at);
  if (end >= 0 && end + COMMIT_END.length < log.length) return false;
  const before = log.lastIndexOf(COMMIT_END, at);
  truncateSync(wal, before < 0 ? at : before + COMMIT_END.length);
  syncFile(wal);
  return true;
}

/** Where the last whole entry ends, by the lengths alone; 0: it does not even begin as it should. */
function endOfEntries(wal: string, size: number): number {
  const handle = openSync(wal, 'r');
  try {
    const head = Buffer.alloc(ENTRY_HEAD);
    readSync(handle, head, 0, WAL_BEGIN.length, 0);
    if (!head.subarray(0, WAL_BEGIN.length).equals(WAL_BEGIN)) return 0;
    for (let at = WAL_BEGIN.length; ; ) {
      if (at + ENTRY_HEAD > size) return at;
      readSync(handle, head, 0, ENTRY_HEAD, at);
      const next = at + ENTRY_HEAD + Number(head.readBigUInt64LE(0));
      if (next > size) return at;
      at = next;
    }
  } finally {
    closeSync(handle);
  }
}

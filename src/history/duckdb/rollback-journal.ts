import { createHash, type Hash } from 'node:crypto';
import { closeSync, existsSync, fstatSync, fsyncSync, openSync, readSync, rmSync, writeSync } from 'node:fs';
import { open, rename } from 'node:fs/promises';
import { dirname } from 'node:path';
import { syncFolder } from '../../base/index.ts';
import { type ActiveHeader, activeHeader, HEADERS_BYTES, isWhole, placeOf } from './database-file.ts';

/*
 * A checkpoint of DuckDB writes its metadata into free parts (4 KiB) of blocks (256 KiB) of which other parts are still in use by the
 * header on disk, and then the new header. A power cut that tears such a write takes the whole block, whose checksum is wrong.
 * So what these blocks and the headers were is kept beside the database during a checkpoint: `<file>.journal`.
 *
 *     0      8      "SONDECP1"
 *     8      4      size of a block, B
 *     12     4      number of blocks, n
 *     16     12288  the beginning of the database: its headers
 *     12304  n x    8  number of the block   B  its bytes
 *     end    32     SHA-256 of all that is before
 *
 * Under one header what it refers to never changes: as long as that header counts, putting the blocks back is right, as often as it is done.
 */
const MAGIC = 'SONDECP1';
const HEAD_BYTES = 16;
const NUMBER_BYTES = 8;
const SUM_BYTES = 32;

export const journalOf = (file: string): string => `${file}.journal`;
const underWayOf = (file: string): string => `${journalOf(file)}.new`;

/**
 * Keeps what the headers and these blocks of a database are now; `database` reads it. Durable when it resolves; it takes the place of
 * an older one, which stays until then. Answers its bytes.
 */
export async function writeJournal(file: string, database: number, blocks: readonly number[]): Promise<number> {
  const headers = readWhole(database, 0, HEADERS_BYTES);
  const active = headers === null ? null : activeHeader(headers);
  if (headers === null || active === null) throw new Error(`${file} has no header that can be read`);
  const { blockBytes } = active;
  const head = Buffer.alloc(HEAD_BYTES);
  head.write(MAGIC, 'latin1');
  head.writeUInt32LE(blockBytes, 8);
  head.writeUInt32LE(blocks.length, 12);
  const sum = createHash('sha256');
  const handle = await open(underWayOf(file), 'w', 0o600);
  try {
    const put = async (bytes: Buffer): Promise<void> => {
      sum.update(bytes);
      await handle.writeFile(bytes);
    };
    await put(Buffer.concat([head, headers]));
    for (const block of blocks) {
      const bytes = readWhole(database, placeOf(block, blockBytes), blockBytes);
      if (bytes === null) throw new Error(`${file} has no block ${block}`);
      const number = Buffer.alloc(NUMBER_BYTES);
      number.writeBigUInt64LE(BigInt(block));
      await put(Buffer.concat([number, bytes]));
    }
    await handle.writeFile(sum.digest());
    await handle.sync();
  } finally {
    await handle.close();
  }
  await rename(underWayOf(file), journalOf(file));
  await syncFolder(dirname(file));
  return HEAD_BYTES + HEADERS_BYTES + blocks.length * (NUMBER_BYTES + blockBytes) + SUM_BYTES;
}

/** The checkpoint is done, or the journal is not of this database any more. */
export function dropJournal(file: string): void {
  rmSync(underWayOf(file), { force: true });
  rmSync(journalOf(file), { force: true });
}

export function hasJournal(file: string): boolean {
  return existsSync(journalOf(file));
}

/**
 * Undoes a checkpoint that was cut short; nobody has the database open. Answers how many blocks were put back; null: there was nothing to
 * undo, since there is no journal, its checkpoint was finished, or it is of another database. Afterwards there is no journal.
 */
export function rollBack(file: string): number | null {
  if (!hasJournal(file) || !existsSync(file)) {
    dropJournal(file);
    return null;
  }
  const database = openSync(file, 'r+');
  let count: number | null = null;
  try {
    const journal = readJournal(file);
    if (journal !== null && isCut(journal, database)) {
      writeSync(database, journal.headers, 0, HEADERS_BYTES, 0);
      for (const { at, bytes } of journal.blocks()) writeSync(database, bytes, 0, bytes.length, at);
      count = journal.count;
    }
    // A header that was read may not be durable yet: what it is needed for goes only after it.
    fsyncSync(database);
  } finally {
    closeSync(database);
  }
  dropJournal(file);
  return count;
}

/** Whether a block is torn that the next start puts back. Changes nothing; nobody has the database open. */
export function isTorn(file: string): boolean {
  const journal = readJournal(file);
  if (journal === null || !existsSync(file)) return false;
  const database = openSync(file, 'r');
  try {
    if (!isCut(journal, database)) return false;
    for (const { at, bytes } of journal.blocks()) {
      const now = readWhole(database, at, bytes.length);
      if (now === null || !isWhole(now)) return true;
    }
    return false;
  } finally {
    closeSync(database);
  }
}

type Journal = {
  readonly headers: Buffer;
  readonly active: ActiveHeader;
  readonly count: number;
  /** Each block, and where it belongs. */
  readonly blocks: () => Generator<{ readonly at: number; readonly bytes: Buffer }>;
};

/** Null: there is none, or it is not whole; its checkpoint had not begun. */
function readJournal(file: string): Journal | null {
  if (!hasJournal(file)) return null;
  const handle = openSync(journalOf(file), 'r');
  try {
    const size = fstatSync(handle).size;
    const head = readWhole(handle, 0, HEAD_BYTES + HEADERS_BYTES);
    if (head === null || head.toString('latin1', 0, MAGIC.length) !== MAGIC) return null;
    const blockBytes = head.readUInt32LE(8);
    const count = head.readUInt32LE(12);
    const entryBytes = NUMBER_BYTES + blockBytes;
    const entriesAt = HEAD_BYTES + HEADERS_BYTES;
    if (size !== entriesAt + count * entryBytes + SUM_BYTES) return null;
    const sum = createHash('sha256').update(head);
    for (let n = 0; n < count; n++) updateWith(sum, readWhole(handle, entriesAt + n * entryBytes, entryBytes));
    if (readWhole(handle, size - SUM_BYTES, SUM_BYTES)?.equals(sum.digest()) !== true) return null;
    const headers = head.subarray(HEAD_BYTES);
    const active = activeHeader(headers);
    if (active?.blockBytes !== blockBytes) return null;
    return { headers, active, count, blocks: () => entriesOf(file, entriesAt, count, blockBytes) };
  } finally {
    closeSync(handle);
  }
}

function updateWith(sum: Hash, bytes: Buffer | null): void {
  if (bytes !== null) sum.update(bytes);
}

function* entriesOf(
  file: string,
  entriesAt: number,
  count: number,
  blockBytes: number,
): Generator<{ readonly at: number; readonly bytes: Buffer }> {
  const handle = openSync(journalOf(file), 'r');
  try {
    for (let n = 0; n < count; n++) {
      const entry = readWhole(handle, entriesAt + n * (NUMBER_BYTES + blockBytes), NUMBER_BYTES + blockBytes);
      if (entry === null) throw new Error(`${journalOf(file)} has become shorter`);
      yield { at: placeOf(Number(entry.readBigUInt64LE(0)), blockBytes), bytes: entry.subarray(NUMBER_BYTES) };
    }
  } finally {
    closeSync(handle);
  }
}

/** Whether a database is where the journal was made: the checkpoint may have begun, and its header does not count yet. */
function isCut({ headers, active }: Journal, database: number): boolean {
  const now = readWhole(database, 0, HEADERS_BYTES);
  if (now === null) return false;
  const { at, bytes } = active;
  const mainBytes = HEADERS_BYTES / 3;
  if (!now.subarray(0, mainBytes).equals(headers.subarray(0, mainBytes))) return false;
  // A header that is torn does not count; its place is taken by what it was.
  return activeHeader(now)?.iteration === active.iteration && now.subarray(at, at + bytes.length).equals(bytes);
}

/** So many bytes; null: there are fewer. */
function readWhole(handle: number, at: number, length: number): Buffer | null {
  const bytes = Buffer.alloc(length);
  for (let done = 0; done < length; ) {
    const read = readSync(handle, bytes, done, length - done, at + done);
    if (read === 0) return null;
    done += read;
  }
  return bytes;
}

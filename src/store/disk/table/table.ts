import { createHash } from 'node:crypto';
import { mkdir } from 'node:fs/promises';
import { type Database, open, type RootDatabase } from 'lmdb';
import type { TableName } from '../../port.ts';
import { crc32c } from '../crc32c.ts';

export type StoredTable = TableName | 'queue';
/** `null`: removed. */
export type Changes = ReadonlyMap<StoredTable, ReadonlyMap<string, Uint8Array | null>>;

/** A value whose checksum, or whose key, is not its own. */
export type DamagedValue = { readonly table: StoredTable; readonly key: string };

type Values = Database<Buffer, Buffer>;

const NAMES: readonly StoredTable[] = ['queue', 'session', 'subscription', 'retained', 'exchange'];
/** LMDB takes keys up to 1978 bytes: a longer one is kept under its beginning and its SHA-256; the value has it whole. */
const MAX_KEY_BYTES = 1500;
/** Checksum and length of the key, before the key. */
const VALUE_HEAD = 8;
/** Changes that are made before others have their turn. */
const STEP = 1000;

/**
 * What stays, in LMDB. It follows the log: changes come in groups, after the log has them. Values are copied out; keys and
 * values as docs/storage.md has them.
 */
export class Table {
  readonly #root: RootDatabase<Buffer, Buffer>;
  readonly #values: ReadonlyMap<StoredTable, Values>;

  private constructor(root: RootDatabase<Buffer, Buffer>) {
    this.#root = root;
    const options = { encoding: 'binary', keyEncoding: 'binary' } as const;
    this.#values = new Map(NAMES.map((name) => [name, root.openDB<Buffer, Buffer>({ name, ...options })]));
  }

  static async open(folder: string): Promise<Table> {
    await mkdir(folder, { recursive: true, mode: 0o700 });
    // Without overlapping syncs a failed commit leaves nothing behind, and its promise rejects.
    const root = open<Buffer, Buffer>({
      path: folder,
      encoding: 'binary',
      keyEncoding: 'binary',
      overlappingSync: false,
      // With it lmdb has a promise of its own for each turn, that nobody can catch: a failed commit ended the process.
      eventTurnBatching: false,
      commitDelay: 0,
      maxDbs: 12,
    });
    return new Table(root);
  }

  /** Puts and removes all of it, in some transactions. Resolves when it is synced. */
  async apply(changes: Changes): Promise<void> {
    let writes: Promise<unknown>[] = [];
    for (const [name, entries] of changes) {
      const values = this.#values.get(name) as Values;
      for (const [key, value] of entries) {
        const stored = storedKey(key);
        writes.push(value === null ? values.remove(stored) : values.put(stored, encodeValue(key, value)));
        if (writes.length < STEP) continue;
        await settled(writes);
        writes = [];
      }
    }
    await settled(writes);
  }

  /** All of one table; `damaged` is told what cannot be believed. */
  *entries(name: StoredTable, damaged: (value: DamagedValue) => void): Iterable<readonly [string, Buffer]> {
    this.#root.resetReadTxn(); // else it may show what was before the last commit
    for (const { key, value } of (this.#values.get(name) as Values).getRange({ snapshot: true })) {
      const decoded = decodeValue(value);
      if (decoded === null || !storedKey(decoded.key).equals(key)) damaged({ table: name, key: key.toString() });
      else yield [decoded.key, decoded.value];
    }
  }

  /** Copies all of it into a folder, compacted. */
  async backup(folder: string): Promise<void> {
    await this.#root.backup(folder, true);
  }

  async close(): Promise<void> {
    await this.#root.close();
  }
}

async function settled(writes: readonly Promise<unknown>[]): Promise<void> {
  const outcomes = await Promise.allSettled(writes);
  for (const outcome of outcomes) {
    if (outcome.status === 'fulfilled') continue;
    const reason = outcome.reason as Error & { commitError?: Promise<unknown> };
    reason.commitError?.catch?.(() => {}); // lmdb leaves a second promise behind
    throw reason;
  }
}

function storedKey(key: string): Buffer {
  const bytes = Buffer.from(key);
  if (bytes.length === 0) return Buffer.from([0]); // LMDB has no empty key, and no name of ours is NUL
  if (bytes.length <= MAX_KEY_BYTES) return bytes;
  const sum = createHash('sha256').update(bytes).digest();
  return Buffer.concat([bytes.subarray(0, MAX_KEY_BYTES), Buffer.from([0]), sum]);
}

function encodeValue(key: string, value: Uint8Array): Buffer {
  const keyBytes = Buffer.byteLength(key);
  const bytes = Buffer.allocUnsafe(VALUE_HEAD + keyBytes + value.length);
  bytes.writeUInt32LE(keyBytes, 4);
  bytes.write(key, VALUE_HEAD);
  bytes.set(value, VALUE_HEAD + keyBytes);
  bytes.writeUInt32LE(crc32c(bytes, 4, bytes.length), 0);
  return bytes;
}

function decodeValue(bytes: Buffer): { readonly key: string; readonly value: Buffer } | null {
  if (bytes.length < VALUE_HEAD || bytes.readUInt32LE(0) !== crc32c(bytes, 4, bytes.length)) return null;
  const keyEnd = VALUE_HEAD + bytes.readUInt32LE(4);
  if (keyEnd > bytes.length) return null;
  return { key: bytes.toString('utf8', VALUE_HEAD, keyEnd), value: Buffer.from(bytes.subarray(keyEnd)) };
}

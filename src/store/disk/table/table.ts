import { mkdir } from 'node:fs/promises';
import type { Database, RootDatabase, RootDatabaseOptionsWithPath } from 'lmdb';
import type { TableName } from '../../port.ts';
import { TABLES } from '../log/layout.ts';
import { loadLmdb } from './lmdb.ts';
import { decodeStamp, encodeStamp, ORIGINS_KEY, STAMP_KEY, STAMP_TABLE, type Stamp } from './stamp.ts';
import { decodeValue, encodeValue, storedKey } from './value.ts';

export type StoredTable = TableName | 'queue';
/** `null`: removed. */
export type Changes = ReadonlyMap<StoredTable, ReadonlyMap<string, Uint8Array | null>>;

/** A value whose checksum, or whose key, is not its own. */
export type DamagedValue = { readonly table: StoredTable; readonly key: string };

/** A damaged value as it stood in LMDB. */
export type RemovedValue = { readonly table: string; readonly key: Buffer; readonly value: Buffer };

type Values = Database<Buffer, Buffer>;
/** The files' mode is missing in the library's types. */
type OwnerOnly = RootDatabaseOptionsWithPath & { readonly permissionsMode: number };

/** Changes that are made before others have their turn: some milliseconds of them, and while nobody is served yet more. */
const STEP = 250;
export const STEP_AT_START = 5000;
/** lmdb says so soon why a commit has failed, or not at all. */
const WHY_MS = 200;

/**
 * What stays, in LMDB. It follows the log: changes come in groups, after the log has them. Values are copied out; keys and
 * values as docs/storage.md has them.
 */
export class Table {
  readonly folder: string;
  readonly #root: RootDatabase<Buffer, Buffer>;
  readonly #values: ReadonlyMap<StoredTable, Values>;
  readonly #stamp: Values;

  private constructor(folder: string, root: RootDatabase<Buffer, Buffer>) {
    this.folder = folder;
    this.#root = root;
    const options = { encoding: 'binary', keyEncoding: 'binary' } as const;
    this.#values = new Map(TABLES.map((name) => [name, root.openDB<Buffer, Buffer>({ name, ...options })]));
    this.#stamp = root.openDB<Buffer, Buffer>({ name: STAMP_TABLE, ...options });
  }

  static async open(folder: string): Promise<Table> {
    await mkdir(folder, { recursive: true, mode: 0o700 });
    // Without overlapping syncs a failed commit leaves nothing behind, and its promise rejects.
    const options: OwnerOnly = {
      path: folder,
      encoding: 'binary',
      keyEncoding: 'binary',
      overlappingSync: false,
      // With it lmdb has a promise of its own for each turn, that nobody can catch: a failed commit ended the process.
      eventTurnBatching: false,
      commitDelay: 0,
      permissionsMode: 0o600,
      maxDbs: 12,
    };
    return new Table(folder, loadLmdb().open<Buffer, Buffer>(options));
  }

  /** Puts and removes all of it, in some transactions; the stamp comes with the last. Resolves when it is synced. */
  async apply(changes: Changes, stamp: Stamp | null = null, step = STEP): Promise<void> {
    let writes: Promise<unknown>[] = [];
    for (const [name, entries] of changes) {
      const values = this.#values.get(name) as Values;
      for (const [key, value] of entries) {
        const stored = storedKey(key);
        writes.push(value === null ? values.remove(stored) : values.put(stored, encodeValue(key, value)));
        if (writes.length < step) continue;
        await settled(writes);
        writes = [];
      }
    }
    if (stamp !== null) writes.push(this.#stamp.put(storedKey(STAMP_KEY), encodeValue(STAMP_KEY, encodeStamp(stamp))));
    await settled(writes);
  }

  /** Puts values as they were found elsewhere; one of a table that there is not is left out. Resolves when they are synced. */
  async copy(
    values: readonly { readonly table: string; readonly key: string; readonly value: Buffer }[],
  ): Promise<void> {
    const writes: Promise<unknown>[] = [];
    for (const { table, key, value } of values) {
      const into = table === STAMP_TABLE ? this.#stamp : this.#values.get(table as StoredTable);
      if (into !== undefined) writes.push(into.put(storedKey(key), encodeValue(key, value)));
    }
    await settled(writes);
  }

  /** What it says of the log; null when it has never been said, or cannot be believed. */
  stamp(): Stamp | null {
    const value = this.#noted(STAMP_KEY);
    return value === null ? null : decodeStamp(value);
  }

  /** What `noteOrigins` was given last; null: nothing, or it cannot be believed. */
  origins(): string | null {
    return this.#noted(ORIGINS_KEY)?.toString() ?? null;
  }

  /** Resolves when it is synced. */
  async noteOrigins(text: string): Promise<void> {
    await settled([this.#stamp.put(storedKey(ORIGINS_KEY), encodeValue(ORIGINS_KEY, Buffer.from(text)))]);
  }

  #noted(name: string): Buffer | null {
    this.#root.resetReadTxn();
    const key = storedKey(name);
    const value = this.#stamp.get(key);
    return value === undefined ? null : (decodeValue(key, value)?.value ?? null);
  }

  /** Removes the values that cannot be believed, in all tables; answers what they were. */
  async removeDamaged(): Promise<RemovedValue[]> {
    const removed: RemovedValue[] = [];
    const writes: Promise<unknown>[] = [];
    this.#root.resetReadTxn();
    for (const [table, values] of [...this.#values, [STAMP_TABLE, this.#stamp] as const]) {
      for (const { key, value } of values.getRange({ snapshot: true })) {
        if (decodeValue(key, value) !== null) continue;
        removed.push({ table, key: Buffer.from(key), value: Buffer.from(value) });
        writes.push(values.remove(key));
      }
    }
    await settled(writes);
    return removed;
  }

  /** All of one table; `damaged` is told what cannot be believed. */
  *entries(name: StoredTable, damaged: (value: DamagedValue) => void): Iterable<readonly [string, Buffer]> {
    this.#root.resetReadTxn(); // else it may show what was before the last commit
    for (const { key, value } of (this.#values.get(name) as Values).getRange({ snapshot: true })) {
      const decoded = decodeValue(key, value);
      if (decoded === null) damaged({ table: name, key: key.toString() });
      else yield [decoded.key, decoded.value];
    }
  }

  /** Readers of other processes that have died keep nothing any more. */
  forgetDeadReaders(): void {
    this.#root.readerCheck();
  }

  /** Copies all of it into a folder, compacted; nothing can interrupt it. */
  async backup(folder: string): Promise<void> {
    await this.#root.backup(folder, true);
  }

  async close(): Promise<void> {
    await this.#root.close();
  }
}

/** Throws the first error, when all of them are done. */
async function settled(writes: readonly Promise<unknown>[]): Promise<void> {
  for (const outcome of await Promise.allSettled(writes.map((write) => write.catch(failed)))) {
    if (outcome.status === 'rejected') throw outcome.reason;
  }
}

/** lmdb leaves a second promise behind with each commit that fails, which says why: looked at later than now, it ends the process. */
async function failed(reason: Error & { commitError?: Promise<unknown> }): Promise<never> {
  let timer: NodeJS.Timeout | undefined;
  const patience = new Promise<null>((resolve) => {
    timer = setTimeout(resolve, WHY_MS, null);
  });
  const why = reason.commitError?.then?.(
    () => null,
    (error: unknown) => error,
  );
  const said = await Promise.race([why, patience]);
  clearTimeout(timer);
  throw said instanceof Error ? said : reason;
}

import { open, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { crc32 } from 'node:zlib';
import { systemCode } from '../../../base/index.ts';
import { TABLES } from '../log/layout.ts';
import { loadLmdb } from '../table/lmdb.ts';
import { openPages, type PageFault, type RawValue, type TableCount } from '../table/pages.ts';
import { STAMP_TABLE } from '../table/stamp.ts';
import { decodeValue } from '../table/value.ts';

/** A value that cannot be believed. */
export type BadValue = { readonly table: string; readonly key: string };

/** What a look at a table's file has found. */
export type TableFindings = {
  /** What is wrong with the file as such: LMDB must not open it. */
  readonly faults: readonly PageFault[];
  readonly counts: readonly TableCount[];
  readonly bad: readonly BadValue[];
};

const NAMES: ReadonlySet<string> = new Set([...TABLES, STAMP_TABLE]);
/** Values that are named; more are counted in `TableFindings.counts` only. */
const MAX_BAD = 10_000;

/** Looks at every page and value of a table without LMDB; `good` is given what can be believed. Changes nothing. */
export function inspectPages(folder: string, good: (table: string, key: string, value: Buffer) => void): TableFindings {
  const pages = openPages(folder);
  const bad: BadValue[] = [];
  try {
    for (const raw of pages.values()) {
      const decoded = decodeValue(raw.key, raw.value);
      if (decoded !== null) good(raw.table, decoded.key, decoded.value);
      else if (bad.length < MAX_BAD) bad.push(nameOf(raw));
    }
    const unknown = pages.counts.filter(({ name }) => !NAMES.has(name));
    const strange = unknown.map(({ name }) => ({ page: 0, what: `the list of tables names ${JSON.stringify(name)}` }));
    return { faults: [...pages.faults, ...strange], counts: pages.counts, bad };
  } finally {
    pages.close();
  }
}

/** A key as a person reads it: that of a long one is only its beginning. */
export function nameOf({ table, key }: Pick<RawValue, 'table' | 'key'>): BadValue {
  return { table, key: key.toString().replaceAll('\0', ' ') };
}

/** What LMDB itself finds: entries that it can walk. It may end the process: only for a child. */
export async function walkWithLmdb(folder: string): Promise<number> {
  const root = loadLmdb().open<Buffer, Buffer>({
    path: folder,
    encoding: 'binary',
    keyEncoding: 'binary',
    readOnly: true,
    maxDbs: 12,
  });
  let entries = 0;
  try {
    // The main table holds the names of all others.
    const names = [...root.getKeys()].map((name) => name.toString().replaceAll('\0', ''));
    for (const name of names) {
      const values = root.openDB<Buffer, Buffer>({ name, encoding: 'binary', keyEncoding: 'binary' });
      for (const { value } of values.getRange({ snapshot: true })) entries += value.length > 0 ? 1 : 0;
    }
  } finally {
    await root.close();
  }
  return entries;
}

/** Size and checksum of a whole table's file; null: there is none. */
export type FileSum = { readonly bytes: number; readonly sum: number };

export async function sumTable(folder: string): Promise<FileSum | null> {
  const handle = await open(join(folder, 'data.mdb')).catch((error: unknown) => {
    if (systemCode(error) === 'ENOENT') return null;
    throw error;
  });
  if (handle === null) return null;
  try {
    const piece = Buffer.allocUnsafe(1024 * 1024);
    let bytes = 0;
    let sum = 0;
    for (;;) {
      const { bytesRead } = await handle.read(piece, 0, piece.length, bytes);
      if (bytesRead === 0) return { bytes, sum };
      sum = crc32(piece.subarray(0, bytesRead), sum);
      bytes += bytesRead;
    }
  } finally {
    await handle.close();
  }
}

/** What there is where a table's file should be; to LMDB both are a new one. */
export type TableGap = 'gone' | 'empty';

/** Null: there is a file, with something in it. */
export async function tableGap(folder: string): Promise<TableGap | null> {
  return stat(join(folder, 'data.mdb')).then(
    ({ size }) => (size > 0 ? null : 'empty'),
    (error: unknown) => {
      if (systemCode(error) === 'ENOENT' || systemCode(error) === 'ENOTDIR') return 'gone';
      throw error;
    },
  );
}

/** LMDB's lock file says nothing that Sonde's own lock does not, and a damaged one may stop it. */
export async function removeLockFile(folder: string): Promise<void> {
  await rm(join(folder, 'lock.mdb'), { force: true });
}

import { closeSync, fstatSync, openSync, readSync } from 'node:fs';
import { join } from 'node:path';
import { type Meta, TREE, type Tree, Walk } from './walk.ts';

/*
 * LMDB's file, read without LMDB, which kills the process when a page is damaged. Of lmdb 3.5 (data version 2):
 *
 *     page     0  8 its own number      8  8 transaction that wrote it     18  2 flags     20  2 twice the number of nodes, or 20  4
 *              of an overflow page how many pages it takes     22  2 where the nodes begin, from 24 on     24  offsets of nodes from
 *              24 on, 2 bytes each, in the order of keys; the nodes stand without gaps at the page's end
 *     meta     pages 0 and 1: 24 magic   28 version   48 free pages' tree (its pad: size of a page)   96 main tree
 *              144  8 last page   152  8 transaction; the greater one counts
 *     tree     0  4 pad   4  2 flags, 8: keys are numbers   6  2 depth   8  8 branches   16  8 leaves   24  8 overflow pages   32  8 entries   40  8 root
 *     node     0  4 size of the value, or page   4  2 flags, or page's upper part   6  2 size of the key   8 key, value
 */
const MAGIC = 0xbeefc0de;
const DATA_VERSION = 2;
const META_BYTES = 168;
const META = 8;
const MAX_FAULTS = 100;

/** What is wrong with the file as such, the first hundred. */
export type PageFault = { readonly page: number; readonly what: string };

/** A value as it stands in the file. */
export type RawValue = { readonly table: string; readonly key: Buffer; readonly value: Buffer };

/** What the file says each of its tables holds, and what was found. */
export type TableCount = { readonly name: string; readonly entries: number; found: number };

export type PageReader = {
  readonly faults: readonly PageFault[];
  readonly counts: readonly TableCount[];
  /** All values that can be reached. `faults` and `counts` are whole when it has come to its end. */
  readonly values: () => Generator<RawValue>;
  readonly close: () => void;
};

/** Opens `folder`/data.mdb. Never throws for what is in the file, only when it cannot be opened. */
export function openPages(folder: string): PageReader {
  const file = openSync(join(folder, 'data.mdb'), 'r');
  const bytes = fstatSync(file).size;
  const faults: PageFault[] = [];
  const counts: TableCount[] = [];
  const fault = (page: number, what: string): void => {
    if (faults.length < MAX_FAULTS) faults.push({ page, what });
  };
  return {
    faults,
    counts,
    *values() {
      const meta = readMeta(file, bytes, fault);
      if (meta === null) return;
      const walk = new Walk(file, meta, fault);
      const named: { readonly name: string; readonly tree: Tree }[] = [];
      for (const { key, value, flags } of walk.tree(meta.main, 'the list of tables')) {
        if ((flags & TREE) !== 0 && value.length === 48) named.push({ name: nameOf(key), tree: treeAt(value, 0) });
        else fault(0, 'a value stands among the tables');
      }
      for (const { name, tree } of named) {
        const count: TableCount = { name, entries: tree.entries, found: 0 };
        counts.push(count);
        for (const { key, value } of walk.tree(tree, `table ${name}`)) {
          count.found += 1;
          yield { table: name, key, value };
        }
      }
      walk.freePages(meta.free);
    },
    close: () => closeSync(file),
  };
}

function nameOf(key: Buffer): string {
  return key.toString().replaceAll('\0', '');
}

/** The meta page that counts; null when neither can be believed. */
function readMeta(file: number, bytes: number, fault: (page: number, what: string) => void): Meta | null {
  const first = metaAt(file, 0);
  // A damaged first page does not say how large pages are.
  const second = first === null ? (metaAt(file, 4096) ?? metaAt(file, 16384)) : metaAt(file, first.pageBytes);
  if (first === null) fault(0, 'its first meta page cannot be read');
  if (second === null) fault(1, 'its second meta page cannot be read');
  const meta = first !== null && (second === null || first.transaction > second.transaction) ? first : second;
  if (meta === null) return null;
  const wanted = (meta.last + 1) * meta.pageBytes;
  // The last pages may never have been written when they are free.
  if (bytes < wanted) fault(meta.last, `the file has ${bytes} bytes, not ${wanted}`);
  return meta;
}

function metaAt(file: number, at: number): Meta | null {
  const page = Buffer.alloc(META_BYTES);
  try {
    if (readSync(file, page, 0, page.length, at) !== page.length) return null;
  } catch {
    return null;
  }
  const pageBytes = page.readUInt32LE(48);
  const known =
    page.readUInt16LE(18) === META && page.readUInt32LE(24) === MAGIC && page.readUInt32LE(28) === DATA_VERSION;
  if (!known || pageBytes < 512 || pageBytes > 65536 || (pageBytes & (pageBytes - 1)) !== 0) return null;
  if (at !== 0 && at !== pageBytes) return null;
  const last = Number(page.readBigUInt64LE(144));
  if (last < 1 || !Number.isSafeInteger(last * pageBytes)) return null;
  return { pageBytes, free: treeAt(page, 48), main: treeAt(page, 96), last, transaction: page.readBigUInt64LE(152) };
}

function treeAt(bytes: Buffer, at: number): Tree {
  const number = (offset: number): number => Number(bytes.readBigUInt64LE(at + offset));
  return {
    flags: bytes.readUInt16LE(at + 4),
    depth: bytes.readUInt16LE(at + 6),
    pages: number(8) + number(16) + number(24),
    entries: number(32),
    root: bytes.readBigUInt64LE(at + 40),
  };
}

import { closeSync, fstatSync, openSync, readSync } from 'node:fs';
import { join } from 'node:path';
import { messageOf } from '../../../base/index.ts';

/*
 * LMDB's file, read without LMDB, which kills the process when a page is damaged. Of lmdb 3.5 (data version 2):
 *
 *     page     0  8 its own number      8  8 transaction that wrote it     18  2 flags     20  2 twice the number of nodes, or 20  4
 *              of an overflow page how many pages it takes     24  offsets of nodes from 24 on, 2 bytes each, in the order of keys
 *     meta     pages 0 and 1: 24 magic   28 version   48 free pages' tree (its pad: size of a page)   96 main tree
 *              144  8 last page   152  8 transaction; the greater one counts
 *     tree     0  4 pad   4  2 flags   6  2 depth   8  8 branches   16  8 leaves   24  8 overflow pages   32  8 entries   40  8 root
 *     node     0  4 size of the value, or page   4  2 flags, or page's upper part   6  2 size of the key   8 key, value
 */
const HEAD = 24;
const MAGIC = 0xbeefc0de;
const DATA_VERSION = 2;
const META_BYTES = 168;
const BRANCH = 1;
const LEAF = 2;
const OVERFLOW = 4;
const META = 8;
const BIG = 1;
const TREE = 2;
const MAX_DEPTH = 32;
const MAX_FAULTS = 100;
const NO_PAGE = 0xffffffffffffffffn;

type Tree = { readonly depth: number; readonly pages: number; readonly entries: number; readonly root: bigint };
type Meta = {
  readonly pageBytes: number;
  readonly free: Tree;
  readonly main: Tree;
  readonly last: number;
  readonly transaction: bigint;
};

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
      for (const { key, value, flags } of walk.tree(meta.main, true, 'the list of tables')) {
        if ((flags & TREE) !== 0 && value.length === 48) named.push({ name: nameOf(key), tree: treeAt(value, 0) });
        else fault(0, 'a value stands among the tables');
      }
      for (const { name, tree } of named) {
        const count: TableCount = { name, entries: tree.entries, found: 0 };
        counts.push(count);
        for (const { key, value } of walk.tree(tree, true, `table ${name}`)) {
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
    depth: bytes.readUInt16LE(at + 6),
    pages: number(8) + number(16) + number(24),
    entries: number(32),
    root: bytes.readBigUInt64LE(at + 40),
  };
}

type Node = { readonly key: Buffer; readonly value: Buffer; readonly flags: number };

/** One look at all pages of a file; each may be reached once. */
class Walk {
  readonly #file: number;
  readonly #meta: Meta;
  readonly #fault: (page: number, what: string) => void;
  readonly #seen: Uint8Array;
  #pages = 0;

  constructor(file: number, meta: Meta, fault: (page: number, what: string) => void) {
    this.#file = file;
    this.#meta = meta;
    this.#fault = fault;
    // A last page beyond all reason is a fault of its own: the file is shorter.
    this.#seen = new Uint8Array(Math.min(meta.last + 1, 1 << 30));
  }

  /** The entries of a tree, as far as they can be reached. */
  *tree(tree: Tree, sorted: boolean, name: string): Generator<Node> {
    this.#pages = 0;
    let entries = 0;
    let before: Buffer | null = null;
    if (tree.root !== NO_PAGE) {
      for (const node of this.#page(Number(tree.root), tree.depth)) {
        if (sorted && before !== null && Buffer.compare(before, node.key) >= 0)
          this.#fault(0, `${name} is out of order`);
        before = node.key;
        entries += 1;
        yield node;
      }
    }
    if (entries !== tree.entries) this.#fault(0, `${name} has ${entries} entries, not ${tree.entries}`);
    if (this.#pages !== tree.pages) this.#fault(0, `${name} has ${this.#pages} pages, not ${tree.pages}`);
  }

  /** Looks at the list of free pages: one that is in use would be written over. */
  freePages(tree: Tree): void {
    for (const { value } of this.tree(tree, false, 'the list of free pages')) {
      const count = value.length < 8 ? -1 : Number(value.readBigInt64LE(0));
      if (count < 0 || (count + 1) * 8 > value.length) {
        this.#fault(0, 'the list of free pages cannot be read');
        continue;
      }
      for (let i = 1; i <= count; i++) {
        const entry = Number(value.readBigInt64LE(i * 8));
        if (entry === 0) continue;
        // A negative number is a length; the page follows.
        if (entry < 0) i += 1;
        const page = entry < 0 && i <= count ? Number(value.readBigInt64LE(i * 8)) : entry;
        this.#claim(page, entry < 0 ? -entry : 1);
      }
    }
  }

  #claim(page: number, count: number): boolean {
    if (!(page >= 2) || !(page + count - 1 <= this.#meta.last) || page + count > this.#seen.length) {
      this.#fault(page, 'is not in the file');
      return false;
    }
    for (let at = page; at < page + count; at++) {
      if (this.#seen[at] === 1) {
        this.#fault(at, 'is used twice');
        return false;
      }
      this.#seen[at] = 1;
    }
    return true;
  }

  *#page(number: number, depth: number): Generator<Node> {
    if (depth < 1 || depth > MAX_DEPTH) {
      this.#fault(number, `is ${depth} pages above its leaves`);
      return;
    }
    if (!this.#claim(number, 1)) return;
    const page = this.#read(number, this.#meta.pageBytes, depth === 1 ? LEAF : BRANCH);
    if (page === null) return;
    this.#pages += 1;
    const nodes = page.readUInt16LE(20) >> 1;
    for (let i = 0; i < nodes; i++) {
      const slot = HEAD + i * 2;
      const at = slot + 2 <= page.length ? HEAD + page.readUInt16LE(slot) : page.length;
      const keyEnd = at + 8 <= page.length ? at + 8 + page.readUInt16LE(at + 6) : page.length + 1;
      if (keyEnd > page.length) {
        this.#fault(number, `has no node ${i}`);
        continue;
      }
      if (depth > 1) {
        yield* this.#page(page.readUInt32LE(at) + page.readUInt16LE(at + 4) * 0x1_0000_0000, depth - 1);
        continue;
      }
      const flags = page.readUInt16LE(at + 4);
      const value = this.#value(page, number, keyEnd, page.readUInt32LE(at), flags);
      if (value !== null) yield { key: page.subarray(at + 8, keyEnd), value, flags };
    }
  }

  #value(page: Buffer, number: number, at: number, size: number, flags: number): Buffer | null {
    if ((flags & BIG) === 0) {
      if (at + size <= page.length) return page.subarray(at, at + size);
      this.#fault(number, 'has a value that is longer than it');
      return null;
    }
    if (at + 24 > page.length) {
      this.#fault(number, 'has a value that is longer than it');
      return null;
    }
    const first = Number(page.readBigUInt64LE(at));
    const count = Math.ceil((HEAD + size) / this.#meta.pageBytes);
    if (!this.#claim(first, count)) return null;
    const bytes = this.#read(first, HEAD + size, OVERFLOW);
    if (bytes === null) return null;
    this.#pages += count;
    if (bytes.readUInt32LE(20) !== count) this.#fault(first, `is of ${bytes.readUInt32LE(20)} pages, not ${count}`);
    return bytes.subarray(HEAD);
  }

  /** The bytes of a page that says that it is the one that was asked for. */
  #read(number: number, size: number, kind: number): Buffer | null {
    const page = Buffer.allocUnsafe(size);
    try {
      if (readSync(this.#file, page, 0, size, number * this.#meta.pageBytes) !== size) {
        this.#fault(number, 'is behind the end of the file');
        return null;
      }
    } catch (error) {
      this.#fault(number, `cannot be read: ${messageOf(error)}`);
      return null;
    }
    if (Number(page.readBigUInt64LE(0)) !== number || (page.readUInt16LE(18) & 0xf) !== kind) {
      this.#fault(number, 'is not what it should be');
      return null;
    }
    if (page.readBigUInt64LE(8) > this.#meta.transaction) this.#fault(number, 'is newer than the table');
    return page;
  }
}

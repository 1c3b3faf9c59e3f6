import { readSync } from 'node:fs';
import { messageOf } from '../../../base/index.ts';

/* The pages of LMDB's file as trees; pages.ts draws them. */
const HEAD = 24;
const BRANCH = 1;
const LEAF = 2;
const OVERFLOW = 4;
const BIG = 1;
/** In its node: first page, transaction, number of pages. */
const BIG_BYTES = 24;
/** Of a node: its value is a tree. */
export const TREE = 2;
/** Of a tree: its keys are numbers. */
const NUMBERS = 8;
const MAX_DEPTH = 32;
const NO_PAGE = 0xffffffffffffffffn;

export type Tree = {
  readonly flags: number;
  readonly depth: number;
  readonly pages: number;
  readonly entries: number;
  readonly root: bigint;
};

/** What the meta page that counts says. */
export type Meta = {
  readonly pageBytes: number;
  readonly free: Tree;
  readonly main: Tree;
  readonly last: number;
  readonly transaction: bigint;
};

/** Where a node stands in its page, where its key ends, and where the next one may begin. */
type Span = { readonly at: number; readonly keyEnd: number; readonly end: number };

/** The nodes of a page in the order of their keys; what is not in it ends behind it. */
function nodesOf(page: Buffer, isLeaf: boolean): Span[] {
  const count = Math.min(page.readUInt16LE(20) >> 1, (page.length - HEAD) >> 1);
  return Array.from({ length: count }, (_, i) => {
    const at = HEAD + page.readUInt16LE(HEAD + i * 2);
    if (at + 8 > page.length) return { at, keyEnd: page.length + 1, end: page.length + 1 };
    const keyEnd = at + 8 + page.readUInt16LE(at + 6);
    const isBig = (page.readUInt16LE(at + 4) & BIG) !== 0;
    const bytes = isBig ? BIG_BYTES : page.readUInt32LE(at);
    const end = isLeaf ? keyEnd + bytes : keyEnd;
    return { at, keyEnd, end: end + (end & 1) };
  });
}

/** Whether the nodes of a page fill it from where it says to its end. */
function isPacked(page: Buffer, nodes: readonly Span[]): boolean {
  let at = HEAD + page.readUInt16LE(22);
  if (page.readUInt16LE(20) !== nodes.length * 2 || at < HEAD + nodes.length * 2) return false;
  for (const node of nodes.toSorted((a, b) => a.at - b.at)) {
    if (node.at !== at) return false;
    at = node.end;
  }
  return at === page.length;
}

const compareBytes = (a: Buffer, b: Buffer): number => Buffer.compare(a, b);

function compareNumbers(a: Buffer, b: Buffer): number {
  if (a.length !== 8 || b.length !== 8) return 1;
  const [first, second] = [a.readBigUInt64LE(0), b.readBigUInt64LE(0)];
  return first < second ? -1 : first > second ? 1 : 0;
}

type Node = { readonly key: Buffer; readonly value: Buffer; readonly flags: number };

/** One look at all pages of a file; each may be reached once. */
export class Walk {
  readonly #file: number;
  readonly #meta: Meta;
  readonly #fault: (page: number, what: string) => void;
  readonly #seen: Uint8Array;
  /** Of the tree that is walked: pages so far, the last key, and the least that the next may be. */
  #pages = 0;
  #before: Buffer | null = null;
  #atLeast: Buffer | null = null;

  constructor(file: number, meta: Meta, fault: (page: number, what: string) => void) {
    this.#file = file;
    this.#meta = meta;
    this.#fault = fault;
    // A last page beyond all reason is a fault of its own: the file is shorter.
    this.#seen = new Uint8Array(Math.min(meta.last + 1, 1 << 30));
  }

  /** The entries of a tree, as far as they can be reached. */
  *tree(tree: Tree, name: string, flags = 0): Generator<Node> {
    this.#pages = 0;
    this.#atLeast = null;
    this.#before = null;
    const compare = flags === NUMBERS ? compareNumbers : compareBytes;
    let entries = 0;
    if (tree.flags !== flags) this.#fault(0, `${name} is of another kind`);
    if (tree.root !== NO_PAGE) {
      for (const node of this.#page(Number(tree.root), tree.depth)) {
        const { key } = node;
        const isInOrder = this.#before === null || compare(this.#before, key) < 0;
        // What leads to a page says the least key that may stand in it: LMDB would look for others elsewhere.
        const isInPlace = this.#atLeast === null || compare(this.#atLeast, key) <= 0;
        if (!isInOrder || !isInPlace) this.#fault(0, `${name} is out of order`);
        this.#before = key;
        this.#atLeast = null;
        entries += 1;
        yield node;
      }
    }
    if (entries !== tree.entries) this.#fault(0, `${name} has ${entries} entries, not ${tree.entries}`);
    if (this.#pages !== tree.pages) this.#fault(0, `${name} has ${this.#pages} pages, not ${tree.pages}`);
  }

  /** Looks at the list of free pages: one that is in use would be written over. */
  freePages(tree: Tree): void {
    for (const { value } of this.tree(tree, 'the list of free pages', NUMBERS)) {
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
    const nodes = nodesOf(page, depth === 1);
    // Where it is written to next, LMDB trusts what it says of its room.
    if (!isPacked(page, nodes)) this.#fault(number, 'has nodes that are not side by side');
    for (const [i, { at, keyEnd }] of nodes.entries()) {
      if (keyEnd > page.length) {
        this.#fault(number, `has no node ${i}`);
        continue;
      }
      const key = page.subarray(at + 8, keyEnd);
      if (depth > 1) {
        if (i > 0) this.#atLeast = key;
        yield* this.#page(page.readUInt32LE(at) + page.readUInt16LE(at + 4) * 0x1_0000_0000, depth - 1);
        continue;
      }
      const flags = page.readUInt16LE(at + 4);
      if ((flags & ~(BIG | TREE)) !== 0) this.#fault(number, `has a node of kind ${flags}`);
      const value = this.#value(page, number, keyEnd, page.readUInt32LE(at), flags);
      if (value !== null) yield { key, value, flags };
    }
  }

  #value(page: Buffer, number: number, at: number, size: number, flags: number): Buffer | null {
    if ((flags & BIG) === 0) {
      if (at + size <= page.length) return page.subarray(at, at + size);
      this.#fault(number, 'has a value that is longer than it');
      return null;
    }
    if (at + BIG_BYTES > page.length) {
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
    if (Number(page.readBigUInt64LE(0)) !== number || page.readUInt16LE(18) !== kind) {
      this.#fault(number, 'is not what it should be');
      return null;
    }
    if (page.readBigUInt64LE(8) > this.#meta.transaction) this.#fault(number, 'is newer than the table');
    return page;
  }
}

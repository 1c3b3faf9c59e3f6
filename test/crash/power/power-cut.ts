import { createHash } from 'node:crypto';
import { mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Random } from '../../fuzz/random.ts';
import { applyNames, type Change, changed, type FileNode, type FolderNode, type Node } from './disk-model.ts';

/** How much of what is not synced a power cut leaves, and in what pieces. */
export type Cut = {
  /** Of a hundred pieces of bytes, and of a hundred changes of names, so many happened. */
  readonly bytes: number;
  readonly names: number;
  /** Whole or not at all: a disk's sector, a page of the system, or all of a write. */
  readonly piece: number;
};

/** All or nothing, of bytes or names, as often as some. */
export function chooseCut(random: Random): Cut {
  return {
    bytes: random.pick([0, 50, 50, 90, 100]),
    names: random.pick([0, 50, 50, 100]),
    piece: random.pick([512, 512, 4096, Number.POSITIVE_INFINITY]),
  };
}

/** Some of the bytes, in pieces that are smaller than a write. */
export function chooseTear(random: Random): Cut {
  return { ...chooseCut(random), bytes: random.pick([50, 90]), piece: random.pick([512, 4096]) };
}

/** All happened that was asked for. */
export const NO_CUT: Cut = { bytes: 100, names: 100, piece: Number.POSITIVE_INFINITY };

/** Writes the folder as a power cut may leave it now, but for what `without` matches. What was not synced happened or not, each for itself. */
export function writeCut(root: FolderNode, folder: string, cut: Cut, random: Random, without = /^$/): void {
  const happens = (percent: number): boolean => random.below(100) < percent;
  /** One answer for a change that two folders have a part in. */
  const answers = new Map<object, boolean>();

  function names(node: FolderNode): Map<string, Node> {
    const found = new Map(node.base);
    for (const change of node.pending) {
      const isThere = change.waitsFor.size === 0 || (answers.get(change) ?? happens(cut.names));
      answers.set(change, isThere);
      if (isThere) applyNames(node, found, change);
    }
    return found;
  }

  function bytes({ base, pending }: FileNode): Buffer {
    if (pending.length === 0) return base;
    let now: Buffer = Buffer.from(base);
    for (const { change, durable } of pending) {
      if (durable || 'length' in change) {
        if (durable || happens(cut.bytes)) now = changed(now, change);
        continue;
      }
      const pieces = [...piecesOf(change, cut.piece)].filter(() => happens(cut.bytes));
      const end = pieces.at(-1);
      if (end !== undefined && end.at + end.bytes.length > now.length)
        now = changed(now, { length: end.at + end.bytes.length });
      for (const piece of pieces) piece.bytes.copy(now, piece.at);
    }
    return now;
  }

  const write = (node: Node, path: string): void => {
    if (node.is === 'file') {
      writeFileSync(path, bytes(node), { mode: node.mode });
      return;
    }
    mkdirSync(path, { recursive: true, mode: 0o700 });
    for (const [name, child] of names(node)) {
      const to = join(path, name);
      if (!without.test(to.slice(folder.length + 1))) write(child, to);
    }
  };
  write(root, folder);
}

type Written = Extract<Change, { bytes: Buffer }>;

/** A write as the pieces of the disk that it touches. */
function* piecesOf(change: Written, piece: number): Iterable<Written> {
  const { at, bytes } = change;
  for (let from = 0; from < bytes.length; ) {
    const to = Number.isFinite(piece) ? Math.min(bytes.length, from + piece - ((at + from) % piece)) : bytes.length;
    yield { at: at + from, bytes: bytes.subarray(from, to) };
    from = to;
  }
}

/** What is in a folder: each path with a hash of its bytes, but for those that `without` matches. */
export function contentsOf(folder: string, without: RegExp): Map<string, string> {
  const found = new Map<string, string>();
  const look = (path: string): void => {
    for (const name of readdirSync(path)) {
      const child = join(path, name);
      const shown = child.slice(folder.length + 1);
      if (without.test(shown)) continue;
      if (statSync(child).isDirectory()) {
        found.set(shown, 'folder');
        look(child);
      } else found.set(shown, createHash('sha256').update(readFileSync(child)).digest('hex'));
    }
  };
  look(folder);
  return found;
}

import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join, relative } from 'node:path';
import type { DiskEvent } from './disk-record.ts';

/** A change of a file's bytes. `length`: it is cut, or filled with zeroes, to so many. */
export type Change = { readonly at: number; readonly bytes: Buffer } | { readonly length: number };

/** A change of bytes that may not be on disk yet. */
type PendingChange = { readonly change: Change; ended: boolean; durable: boolean };

export type FileNode = {
  readonly is: 'file';
  readonly inode: string;
  /** Permissions, as it was made. */
  readonly mode: number;
  base: Buffer;
  pending: PendingChange[];
};

/** Names that change in one step. `waitsFor`: folders that have to be synced before it is durable. */
type NameChange = { readonly sets: readonly NameSet[]; readonly waitsFor: Set<FolderNode> };
type NameSet = { readonly folder: FolderNode; readonly name: string; readonly node: Node | null };

export type FolderNode = {
  readonly is: 'folder';
  /** As the program sees it. */
  readonly live: Map<string, Node>;
  /** What is on disk for certain, before the pending changes. */
  readonly base: Map<string, Node>;
  pending: NameChange[];
};

export type Node = FileNode | FolderNode;

/**
 * What is on disk for certain, and what may be. Only what POSIX promises counts: a sync of a file makes its bytes and its size durable that
 * were written before the sync began; a sync of a folder makes the names in it durable; nothing else does.
 */
export type DiskModel = {
  readonly root: FolderNode;
  readonly take: (event: DiskEvent) => void;
};

/** A disk with a folder as it is now: all in it is durable. `folder` is known to be there. */
export function createDisk(folder: string): DiskModel {
  const inodes = new Map<string, Node>();
  const root = load(folder, inodes) as FolderNode;
  /** What a call that is under way does when it has ended. */
  const underWay = new Map<string, (result: number) => void>();

  const fileOf = (inode: string): FileNode => {
    const node = inodes.get(inode);
    if (node?.is !== 'file') throw new Error(`inode ${inode} is no file that was recorded`);
    return node;
  };

  /** The folder and the name that a path stands for. */
  function place(path: string): { readonly folder: FolderNode; readonly name: string } {
    const names = relative(folder, path).split('/');
    let at = root;
    for (const name of names.slice(0, -1)) {
      const next = at.live.get(name);
      if (next?.is !== 'folder') throw new Error(`${path}: ${name} is no folder`);
      at = next;
    }
    return { folder: at, name: names.at(-1) as string };
  }

  function rename(sets: readonly NameSet[]): void {
    const change: NameChange = { sets, waitsFor: new Set(sets.map((set) => set.folder)) };
    for (const each of change.waitsFor) each.pending.push(change);
    for (const { folder: at, name, node } of sets) {
      if (node === null) at.live.delete(name);
      else at.live.set(name, node);
    }
  }

  function change(inode: string, call: string, what: Change, synced: boolean): void {
    const file = fileOf(inode);
    const pending: PendingChange = { change: what, ended: false, durable: false };
    file.pending.push(pending);
    underWay.set(call, (result) => {
      if ('bytes' in what && result !== what.bytes.length) throw new Error(`a write ended with ${result}`);
      pending.ended = true;
      pending.durable = synced;
      if (synced) settleBytes(file);
    });
  }

  function sync(inode: string, call: string): void {
    const node = inodes.get(inode);
    if (node === undefined) throw new Error(`inode ${inode} is synced and was not recorded`);
    if (node.is === 'file') {
      const covered = node.pending.filter(({ ended }) => ended);
      underWay.set(call, (result) => {
        if (result !== 0) return;
        for (const each of covered) each.durable = true;
        settleBytes(node);
      });
      return;
    }
    const covered = [...node.pending];
    underWay.set(call, (result) => {
      if (result !== 0) return;
      for (const each of covered) each.waitsFor.delete(node);
      settleNames(node);
    });
  }

  return {
    root,
    take(event) {
      switch (event.do) {
        case 'write':
          change(event.inode, event.call, { at: event.at, bytes: event.bytes }, event.synced);
          break;
        case 'truncate':
          change(event.inode, event.call, { length: event.length }, false);
          break;
        case 'sync':
          sync(event.inode, event.call);
          break;
        case 'end':
          underWay.get(event.call)?.(event.result);
          underWay.delete(event.call);
          break;
        case 'create':
        case 'mkdir': {
          const node = event.do === 'create' ? newFile(event.inode, event.mode, Buffer.alloc(0)) : newFolder();
          inodes.set(event.inode, node);
          rename([{ ...place(event.path), node }]);
          break;
        }
        case 'unlink':
          rename([{ ...place(event.path), node: null }]);
          break;
        case 'link':
        case 'rename': {
          const from = place(event.path);
          const node = from.folder.live.get(from.name) ?? null;
          const gone = event.do === 'rename' ? [{ ...from, node: null }] : [];
          rename([...gone, { ...place(event.to), node }]);
          break;
        }
        default: // marks and sockets are nothing to the disk
      }
    },
  };
}

/** What nothing stands before that may be missing belongs to the base. */
function settleBytes(file: FileNode): void {
  const kept = file.pending.findIndex(({ durable }) => !durable);
  const settled = kept < 0 ? file.pending : file.pending.slice(0, kept);
  file.pending = kept < 0 ? [] : file.pending.slice(kept);
  for (const { change } of settled) file.base = changed(file.base, change);
}

function settleNames(folder: FolderNode): void {
  const kept = folder.pending.findIndex(({ waitsFor }) => waitsFor.size > 0);
  const settled = kept < 0 ? folder.pending : folder.pending.slice(0, kept);
  folder.pending = kept < 0 ? [] : folder.pending.slice(kept);
  for (const change of settled) applyNames(folder, folder.base, change);
}

/** Makes a change of names in one folder. */
export function applyNames(folder: FolderNode, names: Map<string, Node>, { sets }: NameChange): void {
  for (const set of sets) {
    if (set.folder !== folder) continue;
    if (set.node === null) names.delete(set.name);
    else names.set(set.name, set.node);
  }
}

/** The bytes of a file after a change; may be the same buffer. */
export function changed(before: Buffer, change: Change): Buffer {
  if ('length' in change) return sized(before, change.length);
  const after = sized(before, Math.max(before.length, change.at + change.bytes.length));
  change.bytes.copy(after, change.at);
  return after;
}

function sized(before: Buffer, length: number): Buffer {
  if (length === before.length) return before;
  if (length < before.length) return Buffer.from(before.subarray(0, length));
  return Buffer.concat([before, Buffer.alloc(length - before.length)]);
}

function newFile(inode: string, mode: number, base: Buffer): FileNode {
  return { is: 'file', inode, mode, base, pending: [] };
}

function newFolder(): FolderNode {
  return { is: 'folder', live: new Map(), base: new Map(), pending: [] };
}

function load(path: string, inodes: Map<string, Node>): Node {
  const stat = statSync(path, { bigint: true });
  const node = stat.isDirectory()
    ? newFolder()
    : newFile(String(stat.ino), Number(stat.mode) & 0o777, readFileSync(path));
  inodes.set(String(stat.ino), node);
  if (node.is === 'file') return node;
  for (const name of readdirSync(path)) {
    const child = load(join(path, name), inodes);
    node.live.set(name, child);
    node.base.set(name, child);
  }
  return node;
}

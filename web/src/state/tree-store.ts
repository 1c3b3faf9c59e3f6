import type { TreeChild } from '../model/digest.ts';
import { parseTreeFrame, ROOT_DIGEST, treeDigest } from '../model/digest.ts';
import type { ChildList, TreeModel, TreeRow } from '../model/tree-model.ts';
import { ancestorsOf, isLink, mergeFrame, topicCount, visibleRows } from '../model/tree-model.ts';
import type { Link } from '../net/link.ts';
import { oncePerFrame } from './frame.ts';
import type { TopicMemories } from './topic-memory.ts';

export type TreeSnapshot = {
  readonly model: TreeModel;
  readonly rows: readonly TreeRow[];
  /** False until the root's first frame came on any connection. */
  readonly loaded: boolean;
};

/** The tree as the page holds it: only digests of nodes on the screen are subscribed to. */
export type TreeStore = {
  readonly snapshot: () => TreeSnapshot;
  readonly subscribe: (listener: () => void) => () => void;
  readonly toggle: (node: TreeChild, open: boolean) => void;
  /** Opens everything above a topic. */
  readonly reveal: (topic: string) => void;
  /** Tells which rows are on the screen; the digests that they need are watched, others are let go. */
  readonly show: (rows: readonly TreeRow[]) => void;
  readonly end: () => void;
};

/** A row that scrolls out and soon in again keeps its subscription. */
const LINGER_MS = 1500;
/** The broker gives one viewer so many digests that it is better to stay well below (64, status and chart included). */
const MOST_DIGESTS = 48;
const CROWDED = 24;
/** A chain of only children is looked into only while few are on the screen: each costs a digest. */
const MOST_CHAINS = 12;
/** In a namespace of at most so many topics, nodes open by themselves: a newcomer sees values, not folders. */
const SELF_OPEN_TOPICS = 60;

export function createTreeStore(link: Link, memories: TopicMemories): TreeStore {
  const listeners = new Set<() => void>();
  const lists = new Map<string, ChildList>();
  const chosen = new Map<string, boolean>();
  const watched = new Map<string, () => void>();
  const leaving = new Map<string, ReturnType<typeof setTimeout>>();
  let snapshot: TreeSnapshot = { model: lists, rows: [], loaded: false };
  let ended = false;

  const isOpen = (node: TreeChild, depth: number): boolean => {
    const choice = chosen.get(node.topic);
    if (choice !== undefined) return choice;
    const alone = depth === 0 && lists.get(ROOT_DIGEST)?.rows.length === 1;
    const opens = alone || topicCount(lists) <= SELF_OPEN_TOPICS;
    // Decided once: a tree that opens and shuts by itself while it grows could not be read.
    if (opens) chosen.set(node.topic, true);
    return opens;
  };

  const commit = oncePerFrame(() => {
    if (ended) return;
    snapshot = { model: new Map(lists), rows: visibleRows(lists, isOpen), loaded: lists.has(ROOT_DIGEST) };
    for (const listener of listeners) listener();
  });

  const watch = (digest: string): void => {
    const timer = leaving.get(digest);
    if (timer !== undefined) {
      clearTimeout(timer);
      leaving.delete(digest);
    }
    if (watched.has(digest)) return;
    const stop = link.watch(digest, (text) => {
      const frame = parseTreeFrame(text);
      if (frame === null) return;
      for (const row of frame.rows) if (row.own) memories.note(row, row.messages, !frame.full);
      lists.set(digest, mergeFrame(lists.get(digest), frame));
      commit();
    });
    watched.set(digest, stop);
  };

  const drop = (digest: string): void => {
    clearTimeout(leaving.get(digest));
    leaving.delete(digest);
    watched.get(digest)?.();
    watched.delete(digest);
  };

  const release = (digest: string, atOnce: boolean): void => {
    if (atOnce || watched.size > CROWDED) drop(digest);
    else if (!leaving.has(digest))
      leaving.set(
        digest,
        setTimeout(() => drop(digest), LINGER_MS),
      );
  };

  watch(ROOT_DIGEST);

  return {
    snapshot: () => snapshot,
    subscribe: (listener) => {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    toggle: (node, open) => {
      chosen.set(node.topic, open);
      commit();
    },
    reveal: (topic) => {
      for (const text of ancestorsOf(topic)) chosen.set(text, true);
      commit();
    },
    show: (rows) => {
      const needed = neededFor(rows);
      for (const digest of watched.keys()) if (!needed.has(digest)) release(digest, needed.size > CROWDED);
      for (const digest of needed) watch(digest);
    },
    end: () => {
      ended = true;
      for (const timer of leaving.values()) clearTimeout(timer);
      for (const stop of watched.values()) stop();
    },
  };
}

/** The digests of what is on the screen: of the lists that the rows stand in, then of chains that may be drawn shorter. */
function neededFor(rows: readonly TreeRow[]): ReadonlySet<string> {
  const needed = new Set([ROOT_DIGEST]);
  for (const row of rows) {
    if (row.kind === 'more') needed.add(row.digest);
    else for (const digest of listsOf(row)) needed.add(digest);
  }
  const chains = rows.flatMap((row) => (row.kind === 'node' && !row.open && isLink(row.node) ? [row.digest] : []));
  if (chains.length <= MOST_CHAINS) for (const digest of chains) needed.add(digest);
  return new Set([...needed].slice(0, MOST_DIGESTS));
}

/** The list that a row stands in, the chain above it, and its children when they are shown. */
function listsOf(row: Extract<TreeRow, { kind: 'node' }>): readonly string[] {
  const { node, levels, open } = row;
  const above = ancestorsOf(node.topic);
  const digests = above.slice(Math.max(0, above.length - levels)).map(treeDigest);
  if (open) digests.push(treeDigest(node.topic));
  return digests;
}

import type { Preview } from '../model/digest.ts';
import { parseValuesFrame, valuesDigest } from '../model/digest.ts';
import type { Link } from '../net/link.ts';
import { oncePerFrame } from './frame.ts';
import type { TopicMemories } from './topic-memory.ts';

export type ValuesSnapshot = {
  readonly rows: ReadonlyMap<string, Preview>;
  /** Topics that match and are not listed, because the digest is bounded. */
  readonly more: number;
  readonly loaded: boolean;
};

/** The topics that a filter matches, live. */
export type ValuesStore = {
  readonly snapshot: () => ValuesSnapshot;
  readonly subscribe: (listener: () => void) => () => void;
  readonly end: () => void;
};

export type ValuesOptions = {
  /** Rows that are not kept are not remembered at all: a search looks through more topics than a page should hold. */
  readonly keeps?: (topic: string) => boolean;
  /** Sees each kept row as it comes, also while the page is not drawn. */
  readonly onRow?: (row: Preview) => void;
};

const MAX_ROWS = 5000;

export function createValuesStore(
  link: Link,
  memories: TopicMemories,
  filter: string,
  options: ValuesOptions = {},
): ValuesStore {
  const { keeps = () => true, onRow } = options;
  const listeners = new Set<() => void>();
  let rows = new Map<string, Preview>();
  let more = 0;
  let loaded = false;
  let ended = false;
  let snapshot: ValuesSnapshot = { rows, more, loaded };

  const commit = oncePerFrame(() => {
    if (ended) return;
    snapshot = { rows: new Map(rows), more, loaded };
    for (const listener of listeners) listener();
  });

  const stop = link.watch(valuesDigest(filter), (text) => {
    const frame = parseValuesFrame(text);
    if (frame === null) return;
    if (frame.full) rows = new Map();
    for (const row of frame.rows) {
      if (!keeps(row.topic) || (rows.size >= MAX_ROWS && !rows.has(row.topic))) continue;
      rows.set(row.topic, row);
      memories.note(row, row.messages, !frame.full);
      onRow?.(row);
    }
    more = frame.more;
    loaded = true;
    commit();
  });

  return {
    snapshot: () => snapshot,
    subscribe: (listener) => {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    end: () => {
      ended = true;
      stop();
    },
  };
}

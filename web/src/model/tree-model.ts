import type { Frame, TreeChild } from './digest.ts';
import { ROOT_DIGEST, treeDigest } from './digest.ts';

/** The children of one node, as the last frames told them. */
export type ChildList = {
  readonly rows: readonly TreeChild[];
  /** Children that the bounded digest leaves out. */
  readonly more: number;
};

/** Child lists by the name of their digest: `''` is a node of its own, so a topic's text could not name the root. */
export type TreeModel = ReadonlyMap<string, ChildList>;

export type TreeRow =
  | {
      readonly kind: 'node';
      /** Digest of this node's children: also its key in the list. */
      readonly digest: string;
      /** Shown text: several levels when they form a chain of only children. */
      readonly label: string;
      /** Levels of the topic that the label covers. */
      readonly levels: number;
      readonly depth: number;
      readonly node: TreeChild;
      readonly open: boolean;
    }
  | { readonly kind: 'more'; readonly digest: string; readonly depth: number; readonly count: number };

const byName = new Intl.Collator(undefined, { numeric: true, sensitivity: 'variant' });

/** Takes one frame into the list of one digest. Rows keep their order by name; a full frame replaces them all. */
export function mergeFrame(list: ChildList | undefined, frame: Frame<TreeChild>): ChildList {
  if (list === undefined || frame.full) return { rows: sorted(frame.rows), more: frame.more };
  const changed = new Map(frame.rows.map((row) => [row.topic, row]));
  const rows = list.rows.map((row) => {
    const next = changed.get(row.topic);
    if (next === undefined) return row;
    changed.delete(row.topic);
    return next;
  });
  const merged = changed.size === 0 ? rows : sorted([...rows, ...changed.values()]);
  return { rows: merged, more: frame.more };
}

/**
 * The rows that the tree shows, top to bottom. A node that holds nothing itself and has one child is drawn together
 * with that child (`/sensors`), as soon as the child is known; so an empty first level costs no row of its own.
 */
export function visibleRows(model: TreeModel, isOpen: (node: TreeChild, depth: number) => boolean): readonly TreeRow[] {
  const out: TreeRow[] = [];
  appendRows(model, ROOT_DIGEST, 0, isOpen, out);
  return out;
}

/** Topics known to exist: the sum over the root's children. */
export function topicCount(model: TreeModel): number {
  return model.get(ROOT_DIGEST)?.rows.reduce((sum, row) => sum + row.topics, 0) ?? 0;
}

/** Texts of the nodes above a topic, outermost first: `/a/b` has `''` and `/a`. */
export function ancestorsOf(topic: string): readonly string[] {
  const levels = topic.split('/');
  return levels.slice(0, -1).map((_, at) => levels.slice(0, at + 1).join('/'));
}

/** Whether a node can only be drawn once its one child is known. */
export function isLink(node: TreeChild): boolean {
  return !node.own && node.children === 1;
}

function appendRows(
  model: TreeModel,
  digest: string,
  depth: number,
  isOpen: (node: TreeChild, depth: number) => boolean,
  out: TreeRow[],
): void {
  const list = model.get(digest);
  if (list === undefined) return;
  for (const child of list.rows) {
    const { node, label, levels } = followChain(model, child);
    const open = node.children > 0 && isOpen(node, depth);
    const own = treeDigest(node.topic);
    out.push({ kind: 'node', digest: own, label, levels, depth, node, open });
    if (open) appendRows(model, own, depth + 1, isOpen, out);
  }
  if (list.more > 0) out.push({ kind: 'more', digest, depth, count: list.more });
}

type Chain = { readonly node: TreeChild; readonly label: string; readonly levels: number };

function followChain(model: TreeModel, first: TreeChild): Chain {
  let node = first;
  let label = first.name;
  let levels = 1;
  while (isLink(node)) {
    const only = model.get(treeDigest(node.topic))?.rows[0];
    if (only === undefined) break;
    node = only;
    label = `${label}/${only.name}`;
    levels += 1;
  }
  return { node, label: label === '' ? '/' : label, levels };
}

function sorted(rows: readonly TreeChild[]): readonly TreeChild[] {
  return rows.toSorted((a, b) => byName.compare(a.name, b.name) || (a.topic < b.topic ? -1 : 1));
}

import { type Budget, MAX_LEVELS } from './limits.ts';
import type { RowDigest } from './row-digest.ts';
import type { Leaf } from './topic-index.ts';

/** A level of one or more topics. `/sensors/t` has the nodes `` (text ``), `sensors` (`/sensors`) and `t` (`/sensors/t`). */
export type Node = {
  readonly level: string;
  /** The topic down to here. */
  readonly text: string;
  readonly parent: Node | null;
  children: Map<string, Node> | null;
  /** Children that can be listed in a frame. */
  listable: number;
  /** Position among the listable children of the parent; -1: its text is too long for a frame. */
  readonly row: number;
  /** The topic that ends here. */
  leaf: Leaf | null;
  /** Topics here or below. */
  topics: number;
  /** Messages here or below, as of the last time that changes were taken. */
  messages: number;
  /** How many of the leaf's own are in `messages`. */
  counted: number;
  /** The digest of its children, while somebody watches it. */
  digest: RowDigest<Node> | null;
};

/**
 * The topics that one kind of viewer may see, as a tree with sums. It is brought up to date when a digest is made, one
 * leaf at a time, and tells the digests of the nodes on the leaf's way up.
 */
export class TopicTree {
  readonly root: Node = makeNode('', '', null, -1);
  /** Topics that found no room. */
  unplaced = 0;
  readonly #budget: Budget;
  readonly #listable: (level: string, text: string) => boolean;
  /** By the leaf's index. */
  readonly #nodes: (Node | null)[] = [];
  #taken = 0;
  /** Leaves of the index below this have been taken in, or are not for this tree. */
  seen = 0;
  /** Digests of nodes that are not there yet, by text. */
  readonly #awaited = new Map<string, RowDigest<Node>>();

  /** `budget` bounds the nodes; `listable` says whether a node can be told of in a frame. */
  constructor(budget: Budget, listable: (level: string, text: string) => boolean) {
    this.#budget = budget;
    this.#listable = listable;
  }

  /** Takes in a topic that it does not have yet. */
  add(leaf: Leaf): void {
    if (this.#budget.left < MAX_LEVELS) {
      this.unplaced += 1;
      return;
    }
    const node = this.#grow(leaf.name);
    node.leaf = leaf;
    node.counted = leaf.messages;
    this.#nodes[leaf.index] = node;
    this.#tell(node, leaf.messages, 1);
  }

  /** Brings the sums over a topic up to date. */
  changed(leaf: Leaf): void {
    const node = this.#nodes[leaf.index];
    if (!node) return;
    const more = leaf.messages - node.counted;
    node.counted = leaf.messages;
    this.#tell(node, more, 0);
  }

  /** Makes the digest the one of the children of the node with that text; null: of the root. */
  attach(text: string | null, digest: RowDigest<Node>): void {
    const node = text === null ? this.root : this.#find(text);
    if (!node) {
      this.#awaited.set(text as string, digest);
      return;
    }
    node.digest = digest;
    for (const child of node.children?.values() ?? []) digest.add(child, child.row >= 0);
  }

  detach(text: string | null): void {
    const node = text === null ? this.root : this.#find(text);
    if (node) node.digest = null;
    if (text !== null) this.#awaited.delete(text);
  }

  /** Gives its nodes back to the budget; it is not used after that. */
  release(): void {
    this.#budget.left += this.#taken;
    this.#taken = 0;
  }

  #tell(from: Node, messages: number, topics: number): void {
    let node = from;
    for (;;) {
      node.messages += messages;
      node.topics += topics;
      const parent = node.parent;
      if (parent === null) return;
      if (parent.digest !== null && node.row >= 0) parent.digest.touch(node.row);
      node = parent;
    }
  }

  #grow(name: string): Node {
    let node = this.root;
    let start = 0;
    for (let depth = 1; start >= 0; depth++) {
      const end = endOfLevel(name, start, depth);
      const level = name.slice(start, end);
      node.children ??= new Map();
      node = node.children.get(level) ?? this.#sprout(node, level, name.slice(0, end));
      start = end < name.length ? end + 1 : -1;
    }
    return node;
  }

  #sprout(parent: Node, level: string, text: string): Node {
    const fits = this.#listable(level, text);
    const node = makeNode(level, text, parent, fits ? parent.listable : -1);
    if (fits) parent.listable += 1;
    parent.children?.set(level, node);
    this.#budget.left -= 1;
    this.#taken += 1;
    const awaited = this.#awaited.size > 0 ? this.#awaited.get(text) : undefined;
    if (awaited) {
      this.#awaited.delete(text);
      node.digest = awaited;
    }
    parent.digest?.add(node, fits);
    return node;
  }

  #find(text: string): Node | undefined {
    let node: Node | undefined = this.root;
    let start = 0;
    for (let depth = 1; start >= 0 && node; depth++) {
      const end = endOfLevel(text, start, depth);
      node = node.children?.get(text.slice(start, end));
      start = end < text.length ? end + 1 : -1;
    }
    return node;
  }
}

/** Where the level that begins at `start` ends; the last one that is a node holds all the rest. */
function endOfLevel(text: string, start: number, depth: number): number {
  const slash = depth === MAX_LEVELS ? -1 : text.indexOf('/', start);
  return slash < 0 ? text.length : slash;
}

function makeNode(level: string, text: string, parent: Node | null, row: number): Node {
  return {
    level,
    text,
    parent,
    children: null,
    listable: 0,
    row,
    leaf: null,
    topics: 0,
    messages: 0,
    counted: 0,
    digest: null,
  };
}

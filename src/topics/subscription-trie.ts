import { RecentChanges } from './recent-changes.ts';

/**
 * The subscriptions of one world, by level:
 *
 *   root -> "sensors" -> "+" -> "temperature"   { subscriber -> value }
 *                     -> "#"                    { subscriber -> value }
 *
 * Adding and removing cost O(levels). Matching walks a frontier of nodes level by level: no recursion, so a topic of
 * 65,535 slashes costs no stack, and it stops as soon as no filter can match any more.
 */
export class SubscriptionTrie<S, V> {
  #generation = 1;
  readonly #changes = new RecentChanges();
  /** Subscriptions held. */
  size = 0;
  readonly #root: Node<S, V> = newNode(null, '');

  /** Grows with each change: what was matched under another generation may be stale. */
  get generation(): number {
    return this.#generation;
  }

  /** What matches the filter is another. Called by whoever keeps elsewhere what belongs to it. */
  changed(filter: string): void {
    this.#generation += 1;
    this.#changes.note(this.#generation, filter);
  }

  /** What matches any topic may be another. */
  changedAll(): void {
    this.#generation += 1;
    this.#changes.noteAny(this.#generation);
  }

  /**
   * Whether what was matched for a topic under an earlier generation still stands. True only when that is known, by looking at
   * no more than `most` changes.
   */
  stands(topic: string, generation: number, most: number): boolean {
    const isNear = this.#generation - generation <= most;
    return isNear && !this.#changes.concern(topic, generation, this.#generation);
  }

  /** Adds or replaces; returns the value that was replaced, or undefined for a new subscription. */
  add(filter: string, subscriber: S, value: V): V | undefined {
    let node = this.#root;
    for (const level of filter.split('/')) {
      node.children ??= new Map();
      let child = node.children.get(level);
      if (!child) {
        child = newNode(node, level);
        node.children.set(level, child);
      }
      node = child;
    }
    node.subscribers ??= new Map();
    const before = node.subscribers.get(subscriber);
    node.subscribers.set(subscriber, value);
    if (before === undefined) this.size += 1;
    this.changed(filter);
    return before;
  }

  /** Removes; returns what was there. Branches that hold nothing any more go with it. */
  remove(filter: string, subscriber: S): V | undefined {
    let node: Node<S, V> | undefined = this.#root;
    for (const level of filter.split('/')) {
      node = node.children?.get(level);
      if (!node) return undefined;
    }
    const before = node.subscribers?.get(subscriber);
    if (before === undefined) return undefined;
    node.subscribers?.delete(subscriber);
    this.size -= 1;
    this.changed(filter);
    prune(node);
    return before;
  }

  /** Calls `visit` for each subscription that matches; a subscriber with several matching filters comes several times. */
  match(topic: string, visit: (subscriber: S, value: V) => void): void {
    // A leading wildcard does not match a topic that starts with `$` [MQTT-4.7.2-1].
    const hidden = topic.charCodeAt(0) === DOLLAR;
    let frontier: Node<S, V>[] = [this.#root];
    let from = 0;
    for (let depth = 0; frontier.length > 0; depth++) {
      const slash = topic.indexOf('/', from);
      const level = slash < 0 ? topic.slice(from) : topic.slice(from, slash);
      const next: Node<S, V>[] = [];
      for (const node of frontier) {
        const children = node.children;
        if (!children) continue;
        const exact = children.get(level);
        if (exact) next.push(exact);
        if (hidden && depth === 0) continue;
        const plus = children.get('+');
        if (plus) next.push(plus);
        visitAll(children.get('#'), visit);
      }
      frontier = next;
      if (slash < 0) break;
      from = slash + 1;
    }
    for (const node of frontier) {
      visitAll(node, visit);
      // `a/#` matches `a` too: # includes the parent level [MQTT-4.7.1-2].
      visitAll(node.children?.get('#'), visit);
    }
  }
}

type Node<S, V> = {
  readonly parent: Node<S, V> | null;
  readonly level: string;
  children: Map<string, Node<S, V>> | null;
  subscribers: Map<S, V> | null;
};

function newNode<S, V>(parent: Node<S, V> | null, level: string): Node<S, V> {
  return { parent, level, children: null, subscribers: null };
}

function visitAll<S, V>(node: Node<S, V> | undefined, visit: (subscriber: S, value: V) => void): void {
  if (!node?.subscribers) return;
  for (const [subscriber, value] of node.subscribers) visit(subscriber, value);
}

function prune<S, V>(from: Node<S, V>): void {
  let node: Node<S, V> | null = from;
  while (node) {
    if (node.subscribers?.size === 0) node.subscribers = null;
    if (node.children?.size === 0) node.children = null;
    if (!node.parent || node.subscribers || node.children) return;
    node.parent.children?.delete(node.level);
    node = node.parent;
  }
}

const DOLLAR = 0x24;

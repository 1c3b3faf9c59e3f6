import { filterMatches } from './filter.ts';
import { isFull, WideMap } from './wide-map.ts';

/**
 * The retained message of each topic of one world, reachable by name at once and by filter through a cursor that may be
 * left and taken up again while messages come and go.
 */
export class RetainedIndex<M> {
  readonly #byName = new WideMap<M>();
  readonly #root: Node<M> = { children: null, name: null, parent: null, level: '' };

  get size(): number {
    return this.#byName.size;
  }

  get(name: string): M | undefined {
    return this.#byName.get(name);
  }

  /** Sets or replaces; returns what was there. */
  set(name: string, message: M): M | undefined {
    const before = this.#byName.get(name);
    this.#byName.set(name, message);
    if (before === undefined) this.#attach(name);
    return before;
  }

  /** Removes; returns what was there. */
  delete(name: string): M | undefined {
    const before = this.#byName.get(name);
    if (before === undefined) return undefined;
    this.#byName.delete(name);
    this.#detach(name);
    return before;
  }

  /**
   * The retained messages that a filter matches, in no promised order. A message that is set or removed while the cursor
   * stands still may or may not be seen; one that stays is seen once.
   */
  *matching(filter: string): Generator<readonly [name: string, message: M]> {
    for (const found of this.search(filter)) if (found !== null) yield found;
  }

  /** The same, with null after each `NODES_A_STEP` nodes that were looked at: whoever searches may pause there. */
  *search(filter: string): Generator<readonly [name: string, message: M] | null> {
    const levels = filter.split('/');
    if (!filter.includes('+') && !filter.includes('#')) {
      const message = this.#byName.get(filter);
      if (message !== undefined) yield [filter, message];
      return;
    }
    // Depth first over (node, level of the filter); the stack is ours, so depth costs no call stack.
    const stack: Iterator<Node<M>>[] = [];
    const depths: number[] = [];
    const enter = (node: Node<M>, depth: number): void => {
      const found = candidates(node, levels, depth);
      if (found === null) return;
      stack.push(found);
      depths.push(depth);
    };
    enter(this.#root, 0);
    let looked = 0;
    while (stack.length > 0) {
      looked += 1;
      if (looked % NODES_A_STEP === 0) yield null;
      const step = (stack[stack.length - 1] as Iterator<Node<M>>).next();
      const depth = depths[depths.length - 1] as number;
      if (step.done) {
        stack.pop();
        depths.pop();
        continue;
      }
      const node = step.value;
      if (node.name !== null && filterMatches(filter, node.name)) {
        const message = this.#byName.get(node.name);
        if (message !== undefined) yield [node.name, message];
      }
      enter(node, depth + 1);
    }
  }

  #attach(name: string): void {
    let node = this.#root;
    for (const level of name.split('/')) {
      node.children ??= new Map();
      let child = node.children.get(level);
      if (!child) {
        child = { children: null, name: null, parent: node, level };
        if (node.children instanceof Map && isFull(node.children)) node.children = new WideMap(node.children);
        node.children.set(level, child);
      }
      node = child;
    }
    node.name = name;
  }

  #detach(name: string): void {
    let node: Node<M> | null | undefined = this.#root;
    for (const level of name.split('/')) {
      node = node?.children?.get(level);
    }
    if (!node) return;
    node.name = null;
    while (node?.parent && node.name === null && (node.children === null || node.children.size === 0)) {
      node.parent.children?.delete(node.level);
      node = node.parent;
    }
  }
}

/** Some tenths of a millisecond. */
const NODES_A_STEP = 500;

type Node<M> = {
  /** Few have many. */
  children: Map<string, Node<M>> | WideMap<Node<M>> | null;
  /** The whole topic when a message is retained on it. */
  name: string | null;
  readonly parent: Node<M> | null;
  readonly level: string;
};

/** The children of a node that the filter's level `depth` allows, or null; under `#` all of them, at any depth. */
function candidates<M>(node: Node<M>, levels: readonly string[], depth: number): Iterator<Node<M>> | null {
  const children = node.children; // most nodes have none
  if (!children) return null;
  const level = levels[depth] ?? levels[levels.length - 1];
  if (depth >= levels.length && level !== '#') return null;
  if (level === '#' || level === '+') return children.values();
  const child = children.get(level as string);
  return child ? [child].values() : null;
}

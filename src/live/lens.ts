import type { Digest } from './digest.ts';
import type { DigestTopic } from './digest-topic.ts';
import type { FrameWriter } from './frame-writer.ts';
import type { Budget } from './limits.ts';
import { RowDigest } from './row-digest.ts';
import { treeRow, valueRow } from './rows.ts';
import type { Leaf, TopicIndex } from './topic-index.ts';
import { type Node, TopicTree } from './topic-tree.ts';
import { ValuesRows } from './values-rows.ts';

/**
 * A world's topics as those see them who may see the same: the tree, and the digests that are made of it. It follows the
 * index at its own pace, new topics by their number in the index's list, changed ones as it is told of them.
 */
export class Lens {
  readonly #index: TopicIndex;
  readonly #maySee: ((topic: string) => boolean) | null;
  readonly #writer: FrameWriter;
  readonly #valueBudget: Budget;
  readonly #tree: TopicTree;
  readonly #values = new Set<ValuesRows>();
  readonly #digests = new Map<string, RowDigest<Node> | RowDigest<Leaf>>();
  readonly #closers = new Map<Digest, () => void>();
  /** By the leaf's index; asked once a topic. Empty when all is seen. */
  readonly #visible: boolean[] = [];
  /** Leaves of the index below this have been asked for. */
  #looked = 0;
  /** The tree is grown once somebody watches it, and then kept. */
  #treeWanted = false;

  /** `maySee` is null when nothing is hidden. */
  constructor(
    index: TopicIndex,
    maySee: ((topic: string) => boolean) | null,
    writer: FrameWriter,
    nodeBudget: Budget,
    valueBudget: Budget,
  ) {
    this.#index = index;
    this.#maySee = maySee;
    this.#writer = writer;
    this.#valueBudget = valueBudget;
    this.#tree = new TopicTree(nodeBudget, (level, text) => writer.fits(level, text));
  }

  /** Whether it hides nothing. */
  get all(): boolean {
    return this.#maySee === null;
  }

  /** Follows the index to its new topics, a step at a time; what one call leaves undone, the next goes on with. */
  *catchUp(): Generator<void, void> {
    const { leaves } = this.#index;
    if (this.#maySee === null) this.#looked = leaves.length;
    for (; this.#looked < leaves.length; yield) {
      this.#visible.push(allows(this.#maySee, (leaves[this.#looked] as Leaf).name));
      this.#looked += 1;
    }
    for (; this.#treeWanted && this.#tree.seen < this.#looked; yield) {
      const leaf = leaves[this.#tree.seen] as Leaf;
      this.#tree.seen += 1;
      if (this.#sees(leaf)) this.#tree.add(leaf);
    }
    for (const values of this.#values) {
      for (; values.seen < this.#looked; yield) {
        const leaf = leaves[values.seen] as Leaf;
        values.take(leaf, this.#sees(leaf));
      }
    }
    for (const digest of this.#digests.values()) digest.ready = true;
  }

  changed(leaf: Leaf): void {
    if (!this.#sees(leaf)) return;
    this.#tree.changed(leaf);
    for (const values of this.#values) values.changed(leaf);
  }

  /** Digests that are open. */
  get size(): number {
    return this.#digests.size;
  }

  has(topic: RowTopic): boolean {
    return this.#digests.has(keyOf(topic));
  }

  /** The digest of that topic, made when there is none yet. */
  open(topic: RowTopic): Digest {
    const key = keyOf(topic);
    const known = this.#digests.get(key);
    if (known) return known;
    const { digest, close } = topic.kind === 'tree' ? this.#openTree(topic.text) : this.#openValues(topic.filter);
    this.#digests.set(key, digest);
    this.#closers.set(digest, () => {
      this.#digests.delete(key);
      close();
    });
    return digest;
  }

  close(digest: Digest): void {
    this.#closers.get(digest)?.();
    this.#closers.delete(digest);
  }

  /** Gives back what it holds of the shared budgets; it is not used after that. */
  release(): void {
    this.#tree.release();
  }

  #openTree(text: string | null): Opened {
    const unlisted = (): number => this.#tree.unplaced + this.#index.unindexed;
    const digest = new RowDigest<Node>({ list: 'children', row: treeRow, unlisted }, this.#writer);
    this.#tree.attach(text, digest);
    this.#treeWanted = true;
    return { digest, close: () => this.#tree.detach(text) };
  }

  #openValues(filter: string): Opened {
    const values = new ValuesRows(filter, this.#writer, this.#valueBudget, (noRoom) => {
      const unlisted = (): number => noRoom() + this.#index.unindexed;
      return new RowDigest<Leaf>({ list: 'topics', row: valueRow, unlisted }, this.#writer);
    });
    this.#values.add(values);
    const close = (): void => {
      this.#values.delete(values);
      values.release();
    };
    return { digest: values.digest, close };
  }

  #sees(leaf: Leaf): boolean {
    return this.#maySee === null || (this.#visible[leaf.index] as boolean);
  }
}

/** A rule that fails hides: it must neither show a topic nor stop the others' digests. */
function allows(maySee: ((topic: string) => boolean) | null, topic: string): boolean {
  try {
    return maySee === null || maySee(topic);
  } catch {
    return false;
  }
}

type RowTopic = Exclude<DigestTopic, { readonly kind: 'status' }>;
type Opened = { readonly digest: RowDigest<Node> | RowDigest<Leaf>; readonly close: () => void };

function keyOf(topic: RowTopic): string {
  if (topic.kind === 'values') return `values/${topic.filter}`;
  return topic.text === null ? 'tree' : `tree/${topic.text}`;
}

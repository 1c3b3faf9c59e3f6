import { filterMatches } from '../topics/index.ts';
import type { FrameWriter } from './frame-writer.ts';
import type { Budget } from './limits.ts';
import type { RowDigest } from './row-digest.ts';
import type { Leaf } from './topic-index.ts';

/** Which topics are rows of a values digest: finds each topic's row at once, so that a filter is matched once a topic. */
export class ValuesRows {
  readonly digest: RowDigest<Leaf>;
  /** Topics that match and found no room. */
  unlisted = 0;
  /** Leaves below this index have been looked at. */
  #seen = 0;
  readonly #filter: string;
  readonly #writer: FrameWriter;
  readonly #budget: Budget;
  /** Whether more than one topic may match. */
  readonly #wild: boolean;
  /** By the leaf's index; -1: no row. Unused without wildcards. */
  #rowOf = new Int32Array(16);

  constructor(
    filter: string,
    writer: FrameWriter,
    budget: Budget,
    makeDigest: (unlisted: () => number) => RowDigest<Leaf>,
  ) {
    this.#filter = filter;
    this.#wild = filter.includes('+') || filter.includes('#');
    this.#writer = writer;
    this.#budget = budget;
    this.digest = makeDigest(() => this.unlisted);
  }

  /** How far the index's leaves have been looked at. */
  get seen(): number {
    return this.#seen;
  }

  /** Looks at the next leaf of the index. */
  take(leaf: Leaf, visible: boolean): void {
    this.#seen = leaf.index + 1;
    if (this.#wild) this.#note(leaf.index, -1);
    if (!visible || !filterMatches(this.#filter, leaf.name)) return;
    if (this.#budget.left === 0) {
      this.unlisted += 1;
      return;
    }
    const fits = this.#writer.fits(leaf.name);
    if (fits) {
      if (this.#wild) this.#note(leaf.index, this.digest.rows);
      this.#budget.left -= 1;
    }
    this.digest.add(leaf, fits);
  }

  changed(leaf: Leaf): void {
    if (leaf.index >= this.#seen) return;
    if (this.#wild) {
      const row = this.#rowOf[leaf.index] as number;
      if (row >= 0) this.digest.touch(row);
    } else if (leaf.name === this.#filter && this.digest.rows > 0) {
      this.digest.touch(0);
    }
  }

  release(): void {
    this.#budget.left += this.digest.rows;
  }

  #note(index: number, row: number): void {
    if (index >= this.#rowOf.length) {
      const wider = new Int32Array(this.#rowOf.length * 2);
      wider.set(this.#rowOf);
      this.#rowOf = wider;
    }
    this.#rowOf[index] = row;
  }
}

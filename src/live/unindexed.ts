/** Bits; 128 KiB, made only when a world's index is full. */
const BITS = 1 << 20;

/**
 * Counts different topics that the index had no room for, without remembering them: one bit per hash. Never too many
 * (two topics may share a bit), so the figure reads "at least".
 */
export class UnindexedTopics {
  #bits: Uint32Array | null = null;
  #topics = 0;

  /** Topics seen, at least. */
  get topics(): number {
    return this.#topics;
  }

  /** Whether it is one more. */
  add(hash: number): boolean {
    this.#bits ??= new Uint32Array(BITS >>> 5);
    const bit = hash & (BITS - 1);
    const word = this.#bits[bit >>> 5] as number;
    const mask = 1 << (bit & 31);
    if (word & mask) return false;
    this.#bits[bit >>> 5] = word | mask;
    this.#topics += 1;
    return true;
  }
}

/**
 * Which rows of a list somebody has still to be told: first all that he never was, in their order, then those that
 * changed since, each once, the longest waiting first. Rows are numbers from 0; a list grows at its end and never shrinks,
 * so "never told" is one number and a new row needs no call.
 */
export class Pending {
  /** Rows below this have been told at least once. */
  #told = 0;
  #queue: number[] = [];
  #head = 0;
  /** A bit for each row that is in the queue. */
  #queued = new Uint32Array(1);

  /** Rows that wait, of a list with `total` rows. */
  count(total: number): number {
    return total - this.#told + this.#queue.length - this.#head;
  }

  /** The row has changed. */
  touch(row: number): void {
    if (row >= this.#told) return;
    const word = row >>> 5;
    const bit = 1 << (row & 31);
    if (word >= this.#queued.length) this.#widen(word + 1);
    const bits = this.#queued[word] as number;
    if (bits & bit) return;
    this.#queued[word] = bits | bit;
    this.#queue.push(row);
  }

  /** The row that is told after `position` others. */
  at(position: number, total: number): number {
    const untold = total - this.#told;
    return position < untold ? this.#told + position : (this.#queue[this.#head + position - untold] as number);
  }

  /** The first `count` have been told. */
  consume(count: number, total: number): void {
    const untold = Math.min(count, total - this.#told);
    this.#told += untold;
    const end = this.#head + count - untold;
    for (; this.#head < end; this.#head++) {
      const row = this.#queue[this.#head] as number;
      this.#queued[row >>> 5] = (this.#queued[row >>> 5] as number) & ~(1 << (row & 31));
    }
    if (this.#head * 2 < this.#queue.length) return;
    this.#queue = this.#queue.slice(this.#head);
    this.#head = 0;
  }

  clone(): Pending {
    const copy = new Pending();
    copy.#told = this.#told;
    copy.#queue = this.#queue.slice(this.#head);
    copy.#queued = this.#queued.slice();
    return copy;
  }

  #widen(words: number): void {
    const wider = new Uint32Array(Math.max(words, this.#queued.length * 2));
    wider.set(this.#queued);
    this.#queued = wider;
  }
}

/**
 * What each segment is still wanted for: entries of queues whose message lies in it. Segments become free from the oldest
 * on: an acknowledgement is needed as long as the message that it is about may be read again.
 */
export class Segments {
  readonly #wanted = new Map<number, { entries: number; all: number }>();
  /** Of all segments: entries that are wanted, and all that there ever were. */
  #entries = 0;
  #all = 0;

  /** Entries of so many queues lie in the segment, more than before. */
  wanted(sequence: number, entries: number): void {
    const segment = this.#wanted.get(sequence);
    if (segment === undefined) this.#wanted.set(sequence, { entries, all: entries });
    else {
      segment.entries += entries;
      segment.all += entries;
    }
    this.#entries += entries;
    this.#all += entries;
  }

  /** One entry less. */
  done(sequence: number): void {
    const segment = this.#wanted.get(sequence);
    if (segment === undefined) return;
    segment.entries -= 1;
    this.#entries -= 1;
  }

  entriesIn(sequence: number): number {
    return this.#wanted.get(sequence)?.entries ?? 0;
  }

  /** Less than half of what the log holds is wanted. */
  get sparse(): boolean {
    return this.#entries * 2 < this.#all;
  }

  /** Its file is free. */
  forget(sequence: number): void {
    const segment = this.#wanted.get(sequence);
    if (segment === undefined) return;
    this.#wanted.delete(sequence);
    this.#entries -= segment.entries;
    this.#all -= segment.all;
  }
}

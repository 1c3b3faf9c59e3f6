import type { Place } from './layout.ts';

/** Good records of one batch that lie together. */
export type Part = { readonly bytes: Buffer; readonly start: number; readonly end: number; readonly sequence: number };

/** A whole batch, and where it ends; or a broken stretch before what follows. */
type Waiting = { readonly gap: Place } | { readonly parts: readonly Part[]; readonly end: Place };

/**
 * Gives batches on in their order. What is behind a broken stretch waits until it is known that the stretch was synced: then it is damage,
 * and the rest counts. Else it belongs to a write that a power cut left in part, and so does all behind it: a disk
 * writes the sectors of one write in any order, and half of what happened at once is worse than nothing of it.
 */
export class BatchOrder {
  readonly #take: (parts: readonly Part[], end: Place) => void;
  #waiting: Waiting[] = [];

  constructor(take: (parts: readonly Part[], end: Place) => void) {
    this.#take = take;
  }

  gap(gap: Place): void {
    this.#waiting.push({ gap });
  }

  batch(parts: readonly Part[], end: Place): void {
    if (this.#waiting.length === 0) this.#take(parts, end);
    else this.#waiting.push({ parts, end });
  }

  /** All before this place was synced. */
  synced(place: Place): void {
    const first = this.#waiting.findIndex((one) => 'gap' in one && !isBefore(one.gap, place));
    this.#give(first < 0 ? this.#waiting.length : first);
  }

  /** Nobody can tell what was synced. */
  takeRest(): void {
    this.#give(this.#waiting.length);
  }

  dropRest(): void {
    this.#waiting = [];
  }

  #give(count: number): void {
    for (const one of this.#waiting.splice(0, count)) if ('parts' in one) this.#take(one.parts, one.end);
  }
}

export function isBefore(a: Place, b: Place): boolean {
  return a.sequence < b.sequence || (a.sequence === b.sequence && a.offset < b.offset);
}

import { filterMatches } from './filter.ts';

/** A power of two. */
const KEPT = 1024;
/** A client may make filters as long as it likes: longer ones are not kept, so all of them together have 256 KiB. */
const MAX_CHARS = 256;

/**
 * The filters that changed last, so that what was found for a topic need not be looked for again where none of them matches
 * it. Changes are numbered one after the other; the one of number n is at n modulo KEPT.
 */
export class RecentChanges {
  readonly #filters: string[] = Array.from({ length: KEPT }, () => '');
  /** Of this change and those before it nothing is known. */
  #forgotten = 1;

  note(number: number, filter: string): void {
    if (filter.length > MAX_CHARS) this.#forgotten = number;
    else this.#filters[number % KEPT] = filter;
  }

  /** The change concerns any topic. */
  noteAny(number: number): void {
    this.#forgotten = number;
  }

  /** Whether the topic may be concerned by one of the changes after `since`, up to `last`. */
  concern(topic: string, since: number, last: number): boolean {
    if (since < this.#forgotten || last - since > KEPT) return true;
    for (let number = since + 1; number <= last; number++) {
      if (filterMatches(this.#filters[number % KEPT] as string, topic)) return true;
    }
    return false;
  }
}

import { InFlightEntries } from '../in-flight.ts';
import type { QueueEntry, QueueTarget, StoredMessage } from '../port.ts';
import { storedBytes } from '../stored-bytes.ts';

const COMPACT_AT = 1024;

/**
 * One queue in memory: parallel columns with a moving head, so that an append makes no object and taking off the front
 * moves nothing. A hole (message null) is an entry that was acknowledged out of order.
 */
export class MemoryQueue {
  #numbers: number[] = [];
  #messages: (StoredMessage | null)[] = [];
  #targets: QueueTarget[] = [];
  #head = 0;
  readonly inFlight = new InFlightEntries();
  entries = 0;
  bytes = 0;
  /** The greatest number that `ackThrough` was given. */
  ackedThrough = 0;

  append(number: number, message: StoredMessage, target: QueueTarget): void {
    this.#numbers.push(number);
    this.#messages.push(message);
    this.#targets.push(target);
    this.entries += 1;
    this.bytes += storedBytes(message);
  }

  ack(number: number): void {
    const at = this.#firstAfter(number - 1);
    if (this.#numbers[at] === number) this.#take(at);
    this.#advance();
  }

  ackThrough(number: number): void {
    this.ackedThrough = Math.max(this.ackedThrough, number);
    const end = this.#firstAfter(number);
    for (let at = this.#head; at < end; at++) this.#take(at);
    this.#advance();
  }

  /** Whether the entry is there. */
  has(number: number): boolean {
    const at = this.#firstAfter(number - 1);
    return this.#numbers[at] === number && this.#messages[at] !== null;
  }

  read(after: number, limit: number, maxBytes: number): QueueEntry[] {
    const page: QueueEntry[] = [];
    let bytes = 0;
    for (let at = this.#firstAfter(after); at < this.#numbers.length && page.length < limit; at++) {
      const message = this.#messages[at];
      if (!message) continue;
      bytes += storedBytes(message);
      if (page.length > 0 && bytes > maxBytes) break;
      page.push({ number: this.#numbers[at] as number, message, target: this.#targets[at] as QueueTarget });
    }
    return page;
  }

  /** The first entry that is there after `after`. */
  first(after: number): { readonly number: number; readonly bytes: number } | null {
    for (let at = this.#firstAfter(after); at < this.#numbers.length; at++) {
      const message = this.#messages[at];
      if (message) return { number: this.#numbers[at] as number, bytes: storedBytes(message) };
    }
    return null;
  }

  #take(at: number): void {
    const message = this.#messages[at];
    if (!message) return;
    this.#messages[at] = null;
    this.inFlight.delete(this.#numbers[at] as number);
    this.entries -= 1;
    this.bytes -= storedBytes(message);
  }

  #advance(): void {
    while (this.#head < this.#messages.length && this.#messages[this.#head] === null) this.#head += 1;
    if (this.#head < COMPACT_AT || this.#head * 2 < this.#messages.length) return;
    this.#numbers = this.#numbers.slice(this.#head);
    this.#messages = this.#messages.slice(this.#head);
    this.#targets = this.#targets.slice(this.#head);
    this.#head = 0;
  }

  /** Index of the first entry whose number is greater; numbers only grow, so by bisection. */
  #firstAfter(number: number): number {
    let low = this.#head;
    let high = this.#numbers.length;
    if (low < high && (this.#numbers[low] as number) > number) return low;
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((this.#numbers[middle] as number) <= number) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}

import { InFlightEntries } from '../../in-flight.ts';
import type { Place } from './layout.ts';

const FIRST = 8;
const COMPACT_AT = 1024;

/**
 * The entries of one queue, as places in the log: parallel columns with a moving head. A hole (sequence 0) is an entry that
 * was taken off out of order. 20 bytes an entry.
 */
export class QueueIndex {
  #numbers = new Float64Array(FIRST);
  #sequences = new Uint32Array(FIRST);
  #offsets = new Uint32Array(FIRST);
  #sizes = new Uint32Array(FIRST);
  #head = 0;
  #end = 0;
  /** Behind this one are entries that came behind greater numbers: copied messages, while the log is read at start. */
  #sortedEnd = 0;
  readonly #late = new Map<number, number>();
  readonly inFlight = new InFlightEntries();
  entries = 0;
  bytes = 0;
  /** What the entry counted for that was taken off last. */
  takenBytes = 0;
  /** The greatest number that `ackThrough` was given. */
  ackedThrough = 0;

  /** `bytes`: what the entry counts for. Numbers only grow, but while the log is read at start. */
  append(number: number, sequence: number, offset: number, bytes: number): void {
    if (this.#end === this.#numbers.length) this.#makeRoom();
    const at = this.#end;
    const isLate = this.#sortedEnd < at || (at > this.#head && number <= (this.#numbers[at - 1] as number));
    if (isLate) this.#late.set(number, at);
    else this.#sortedEnd = at + 1;
    this.#numbers[at] = number;
    this.#sequences[at] = sequence;
    this.#offsets[at] = offset;
    this.#sizes[at] = bytes;
    this.#end = at + 1;
    this.entries += 1;
    this.bytes += bytes;
  }

  /** Takes an entry off; returns the sequence of the segment that its message is in, 0 when there is no such entry. */
  ack(number: number): number {
    const at = this.#find(number);
    if (at < 0) return 0;
    const sequence = this.#take(at);
    this.#advance();
    return sequence;
  }

  /** Takes off all up to and with `number`; `taken` is told the segment of each, and what it counted for. */
  ackThrough(number: number, taken: (sequence: number, bytes: number) => void): void {
    this.ackedThrough = Math.max(this.ackedThrough, number);
    const end = this.#firstAfter(number);
    for (let at = this.#head; at < end; at++) if (this.#sequences[at] !== 0) taken(this.#take(at), this.takenBytes);
    for (const [late, at] of this.#late) if (late <= number) taken(this.#take(at), this.takenBytes);
    this.#advance();
  }

  /** Its message was copied; returns the segment that it was in before, 0 when there is no such entry. */
  move(number: number, sequence: number, offset: number): number {
    const at = this.#find(number);
    if (at < 0) return 0;
    const before = this.#sequences[at] as number;
    this.#sequences[at] = sequence;
    this.#offsets[at] = offset;
    return before;
  }

  has(number: number): boolean {
    return this.#find(number) >= 0;
  }

  /** Whether the entry is there, in this segment. */
  isAt(number: number, sequence: number): boolean {
    const at = this.#find(number);
    return at >= 0 && this.#sequences[at] === sequence;
  }

  /** Entries after `after`, in order, at most `limit` and `maxBytes` but one at least. */
  page(after: number, limit: number, maxBytes: number): (Place & { readonly number: number })[] {
    this.#sort();
    const page: (Place & { readonly number: number })[] = [];
    let bytes = 0;
    for (let at = this.#firstAfter(after); at < this.#end && page.length < limit; at++) {
      const sequence = this.#sequences[at] as number;
      if (sequence === 0) continue;
      bytes += this.#sizes[at] as number;
      if (page.length > 0 && bytes > maxBytes) break;
      page.push({ number: this.#numbers[at] as number, sequence, offset: this.#offsets[at] as number });
    }
    return page;
  }

  /** Entries that there is memory for. */
  get capacity(): number {
    return this.#numbers.length;
  }

  /** The first entry that is there after `after`, with what it counts for. */
  first(after: number): { readonly number: number; readonly bytes: number } | null {
    this.#sort();
    for (let at = this.#firstAfter(after); at < this.#end; at++) {
      if (this.#sequences[at] === 0) continue;
      return { number: this.#numbers[at] as number, bytes: this.#sizes[at] as number };
    }
    return null;
  }

  forEachSequence(visit: (sequence: number, bytes: number) => void): void {
    for (let at = this.#head; at < this.#end; at++) {
      const sequence = this.#sequences[at] as number;
      if (sequence !== 0) visit(sequence, this.#sizes[at] as number);
    }
  }

  /** The entries whose message is in a segment. */
  placesIn(sequence: number): { readonly number: number; readonly offset: number }[] {
    const places: { readonly number: number; readonly offset: number }[] = [];
    for (let at = this.#head; at < this.#end; at++) {
      if (this.#sequences[at] !== sequence) continue;
      places.push({ number: this.#numbers[at] as number, offset: this.#offsets[at] as number });
    }
    return places;
  }

  #take(at: number): number {
    const sequence = this.#sequences[at] as number;
    this.#sequences[at] = 0;
    if (at >= this.#sortedEnd) this.#late.delete(this.#numbers[at] as number);
    this.inFlight.delete(this.#numbers[at] as number);
    this.entries -= 1;
    this.takenBytes = this.#sizes[at] as number;
    this.bytes -= this.takenBytes;
    return sequence;
  }

  #advance(): void {
    while (this.#head < this.#end && this.#sequences[this.#head] === 0) this.#head += 1;
    if (this.#head === this.#end) {
      this.#head = 0;
      this.#end = 0;
      this.#sortedEnd = 0;
      if (this.#numbers.length > COMPACT_AT) this.#resize(FIRST);
    }
  }

  #makeRoom(): void {
    // One that stays at the head, in flight to somebody who is away, would keep the holes behind it for ever.
    const areHoles = this.entries * 2 < this.#end - this.#head;
    if (areHoles && this.#sortedEnd === this.#end) this.#squeeze();
    if (this.#end < this.#numbers.length) return;
    if (this.#head * 2 >= this.#end) this.#resize(this.#numbers.length);
    else this.#resize(Math.max(FIRST, this.#numbers.length * 2));
  }

  #squeeze(): void {
    let to = this.#head;
    for (let at = this.#head; at < this.#end; at++) {
      if (this.#sequences[at] === 0) continue;
      this.#numbers[to] = this.#numbers[at] as number;
      this.#sequences[to] = this.#sequences[at] as number;
      this.#offsets[to] = this.#offsets[at] as number;
      this.#sizes[to] = this.#sizes[at] as number;
      to += 1;
    }
    this.#end = to;
    this.#sortedEnd = to;
  }

  #resize(capacity: number): void {
    const moved = <T extends Float64Array | Uint32Array>(from: T, to: T): T => {
      to.set(from.subarray(this.#head, this.#end));
      return to;
    };
    this.#numbers = moved(this.#numbers, new Float64Array(capacity));
    this.#sequences = moved(this.#sequences, new Uint32Array(capacity));
    this.#offsets = moved(this.#offsets, new Uint32Array(capacity));
    this.#sizes = moved(this.#sizes, new Uint32Array(capacity));
    for (const [number, at] of this.#late) this.#late.set(number, at - this.#head);
    this.#end -= this.#head;
    this.#sortedEnd = Math.max(0, this.#sortedEnd - this.#head);
    this.#head = 0;
  }

  #find(number: number): number {
    const at = this.#firstAfter(number - 1);
    if (at < this.#sortedEnd && this.#numbers[at] === number && this.#sequences[at] !== 0) return at;
    return this.#late.size === 0 ? -1 : (this.#late.get(number) ?? -1);
  }

  /** Late entries come to their places: once, when the log has been read. */
  #sort(): void {
    if (this.#sortedEnd === this.#end) return;
    const order: number[] = [];
    for (let at = this.#head; at < this.#end; at++) if (this.#sequences[at] !== 0) order.push(at);
    order.sort((a, b) => (this.#numbers[a] as number) - (this.#numbers[b] as number));
    this.#numbers = Float64Array.from(order, (at) => this.#numbers[at] as number);
    this.#sequences = Uint32Array.from(order, (at) => this.#sequences[at] as number);
    this.#offsets = Uint32Array.from(order, (at) => this.#offsets[at] as number);
    this.#sizes = Uint32Array.from(order, (at) => this.#sizes[at] as number);
    this.#head = 0;
    this.#end = order.length;
    this.#sortedEnd = order.length;
    this.#late.clear();
  }

  /** Index of the first sorted entry whose number is greater. */
  #firstAfter(number: number): number {
    let low = this.#head;
    let high = this.#sortedEnd;
    if (low < high && (this.#numbers[low] as number) > number) return low;
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((this.#numbers[middle] as number) <= number) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}

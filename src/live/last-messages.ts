import { PREVIEW_BYTES, PreviewSlots, ROOMS } from './preview-slots.ts';

/**
 * The last message of each topic, as records of 32 bytes in one piece of memory: what a message writes is one line of the
 * processor's cache, and thousands of topics that take turns stay in it.
 *
 *     0 messages (double)   8 arrival (double)   16 payload bytes   20 place of the preview   24 flags   28 next changed
 *
 * Flags: QoS (2 bits), retained, changed, and the room of the preview. Records that have changed are threaded through
 * the last field, as their number + 1; 0: the end.
 */
export class LastMessages {
  #doubles = new Float64Array(FIRST * DOUBLES);
  #words = new Int32Array(this.#doubles.buffer);
  readonly #previews = new PreviewSlots();
  #count = 0;
  #changed = 0;
  /** The part of the list that `beginBatch` has set aside. */
  #batch = 0;

  /** Adds a record; returns its number. */
  add(): number {
    const index = this.#count;
    if (index * DOUBLES === this.#doubles.length) this.#grow();
    this.#count += 1;
    this.#words[index * WORDS + PLACE] = this.#previews.take(0);
    return index;
  }

  /** A message of a topic: bytes[start..end). */
  note(
    index: number,
    bytes: Buffer,
    start: number,
    end: number,
    qos: number,
    retained: boolean,
    arrivedUs: number,
  ): void {
    const doubles = this.#doubles;
    const words = this.#words;
    const d = index * DOUBLES;
    const w = index * WORDS;
    const size = end - start;
    doubles[d] = (doubles[d] as number) + 1;
    doubles[d + 1] = arrivedUs;
    words[w + BYTES] = size;
    const before = words[w + FLAGS] as number;
    let flags = (before & ~(QOS | RETAINED)) | qos | (retained ? RETAINED : 0) | CHANGED;
    const kept = Math.min(size, PREVIEW_BYTES);
    if (kept > (ROOMS[flags >> ROOM_BITS] as number)) flags = this.#widen(w, flags, kept);
    words[w + FLAGS] = flags;
    const place = words[w + PLACE] as number;
    const slab = this.#previews.slabOf(place);
    const at = this.#previews.startOf(place);
    if (kept <= LOOP_BYTES) copyShort(bytes, start, slab, at, kept);
    else bytes.copy(slab, at, start, start + kept);
    if ((before & CHANGED) !== 0) return;
    words[w + NEXT] = this.#changed;
    this.#changed = index + 1;
  }

  /** Begins with the records that have changed until now; what changes later waits for the next batch. */
  beginBatch(): void {
    if (this.#batch !== 0) return;
    this.#batch = this.#changed;
    this.#changed = 0;
  }

  /** The number of the next changed record of the batch, or -1 at its end. */
  takeChanged(): number {
    const index = this.#batch - 1;
    if (index < 0) return -1;
    const w = index * WORDS;
    this.#batch = this.#words[w + NEXT] as number;
    this.#words[w + NEXT] = 0;
    this.#words[w + FLAGS] = (this.#words[w + FLAGS] as number) & ~CHANGED;
    return index;
  }

  messages(index: number): number {
    return this.#doubles[index * DOUBLES] as number;
  }

  /** Microseconds since 1970 UTC. */
  atUs(index: number): number {
    return this.#doubles[index * DOUBLES + 1] as number;
  }

  /** True size of the last payload. */
  bytes(index: number): number {
    return this.#words[index * WORDS + BYTES] as number;
  }

  qos(index: number): 0 | 1 | 2 {
    return ((this.#words[index * WORDS + FLAGS] as number) & QOS) as 0 | 1 | 2;
  }

  retained(index: number): boolean {
    return ((this.#words[index * WORDS + FLAGS] as number) & RETAINED) !== 0;
  }

  /** The first PREVIEW_BYTES of the last payload; valid until the topic's next message. */
  preview(index: number): Buffer {
    const place = this.#words[index * WORDS + PLACE] as number;
    const at = this.#previews.startOf(place);
    return this.#previews.slabOf(place).subarray(at, at + Math.min(this.bytes(index), PREVIEW_BYTES));
  }

  /** Gives the record at word `w` a larger place; returns its new flags. */
  #widen(w: number, flags: number, bytes: number): number {
    const room = ROOMS.findIndex((size) => size >= bytes);
    this.#previews.give(this.#words[w + PLACE] as number, flags >> ROOM_BITS);
    this.#words[w + PLACE] = this.#previews.take(room);
    return (flags & ((1 << ROOM_BITS) - 1)) | (room << ROOM_BITS);
  }

  #grow(): void {
    const doubles = new Float64Array(this.#doubles.length * 2);
    doubles.set(this.#doubles);
    this.#doubles = doubles;
    this.#words = new Int32Array(doubles.buffer);
  }
}

const FIRST = 64;
const DOUBLES = 4;
const WORDS = 8;
const BYTES = 4;
const PLACE = 5;
const FLAGS = 6;
const NEXT = 7;
const QOS = 3;
const RETAINED = 4;
const CHANGED = 8;
const ROOM_BITS = 4;
/** Beyond this a call of `copy` is cheaper than a loop. */
const LOOP_BYTES = 64;

/** A loop, eight bytes a round: measured at 60 ns for 64 bytes, where one byte a round takes 150 and `copy` 85 and a view. */
function copyShort(from: Buffer, start: number, to: Buffer, at: number, bytes: number): void {
  let i = 0;
  for (; i + 8 <= bytes; i += 8) {
    const f = (start + i) | 0;
    const t = (at + i) | 0;
    to[t] = from[f] as number;
    to[t + 1] = from[f + 1] as number;
    to[t + 2] = from[f + 2] as number;
    to[t + 3] = from[f + 3] as number;
    to[t + 4] = from[f + 4] as number;
    to[t + 5] = from[f + 5] as number;
    to[t + 6] = from[f + 6] as number;
    to[t + 7] = from[f + 7] as number;
  }
  for (; i < bytes; i++) to[at + i] = from[start + i] as number;
}

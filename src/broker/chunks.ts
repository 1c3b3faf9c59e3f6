/**
 * Sizes of chunks. A connection starts with a tiny one and moves into larger ones as its turn grows: most get one short
 * message a turn, and the tiny chunks of a thousand connections stay in the processor's cache.
 */
const TINY = 256;
const SMALL = 4 * 1024;
const LARGE = 64 * 1024;

/** The most that a pooled chunk holds, in bytes. */
export const LARGEST_CHUNK = LARGE;

/** A piece of memory that packets are encoded into. */
export class Chunk {
  readonly bytes: Buffer;
  /** What was last shown of it: a connection that gets messages of one size makes no new view for each. */
  #view: Buffer;

  constructor(size: number) {
    this.bytes = Buffer.allocUnsafeSlow(size);
    this.#view = this.bytes;
  }

  /** Its first `length` bytes. */
  first(length: number): Buffer {
    if (this.#view.length !== length) this.#view = this.bytes.subarray(0, length);
    return this.#view;
  }
}

/** Free chunks that are kept for the next turn: 256 KiB of tiny ones, 4 MiB of small ones, 16 MiB of large ones. */
const pools = [
  { size: TINY, keep: 1024, free: [] as Chunk[] },
  { size: SMALL, keep: 1024, free: [] as Chunk[] },
  { size: LARGE, keep: 256, free: [] as Chunk[] },
] as const;

/** A chunk of at least `size` bytes; one above the largest is made for its purpose. */
export function takeChunk(size: number): Chunk {
  for (const pool of pools) if (size <= pool.size) return pool.free.pop() ?? new Chunk(pool.size);
  return new Chunk(size);
}

/** Nobody reads or writes it any more. Outsize ones go to the collector. */
export function giveBack(chunk: Chunk): void {
  for (const { size, keep, free } of pools) if (chunk.bytes.length === size && free.length < keep) free.push(chunk);
}

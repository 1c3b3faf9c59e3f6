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
  readonly #pool: Pool | null;
  /** Views of its beginning that were asked for: the short ones by their length, of the longer ones the last. */
  readonly #views: (Buffer | undefined)[] = [];
  #long: Buffer;

  constructor(size: number, pool: Pool | null) {
    this.bytes = Buffer.allocUnsafeSlow(size);
    this.#pool = pool;
    this.#long = this.bytes;
  }

  /** Its first `length` bytes. Making a view costs as much as copying a hundred bytes, and is garbage later. */
  first(length: number): Buffer {
    if (length > TINY) {
      if (this.#long.length !== length) this.#long = this.bytes.subarray(0, length);
      return this.#long;
    }
    const known = this.#views[length];
    if (known !== undefined) return known;
    const view = this.bytes.subarray(0, length);
    this.#views[length] = view;
    return view;
  }

  /** Nobody reads or writes it any more. */
  giveBack(): void {
    const pool = this.#pool;
    if (pool !== null && pool.free.length < pool.keep) pool.free.push(this);
  }
}

/** Free chunks that are kept for the next turn. */
type Pool = { readonly size: number; readonly keep: number; readonly free: Chunk[] };

/** At most 128 KiB of tiny ones (16 MiB if every view of them is asked for), 4 MiB of small ones, 16 MiB of large ones. */
const pools: readonly Pool[] = [
  { size: TINY, keep: 512, free: [] },
  { size: SMALL, keep: 1024, free: [] },
  { size: LARGE, keep: 256, free: [] },
];

/** A chunk of at least `size` bytes; one above the largest is made for its purpose and goes to the collector. */
export function takeChunk(size: number): Chunk {
  for (const pool of pools) if (size <= pool.size) return pool.free.pop() ?? new Chunk(pool.size, pool);
  return new Chunk(size, null);
}

/** Bytes of a payload that are kept for showing. */
export const PREVIEW_BYTES = 256;

/** Most values are a number or a short JSON: 100,000 buffers of 256 bytes each would be wasted on them. In bytes. */
export const ROOMS = [16, 64, PREVIEW_BYTES] as const;
const SLAB_BYTES = 64 * 1024;
/** Places are counted in units of the smallest room. */
const UNIT_BITS = 4;
const UNITS_BITS = 12;

/**
 * Hands out small pieces of few large buffers, and takes them back when a topic's values outgrow them. A piece is a number,
 * its place: the slab's number and the unit in it. `room` is an index of ROOMS.
 */
export class PreviewSlots {
  readonly #slabs: Buffer[] = [];
  readonly #rooms: Room[] = ROOMS.map(() => ({ slab: -1, next: SLAB_BYTES, free: [] }));

  take(room: number): number {
    const mine = this.#rooms[room] as Room;
    const free = mine.free.pop();
    if (free !== undefined) return free;
    const size = ROOMS[room] as number;
    if (mine.next + size > SLAB_BYTES) {
      mine.slab = this.#slabs.push(Buffer.allocUnsafeSlow(SLAB_BYTES)) - 1;
      mine.next = 0;
    }
    const place = (mine.slab << UNITS_BITS) | (mine.next >> UNIT_BITS);
    mine.next += size;
    return place;
  }

  give(place: number, room: number): void {
    this.#rooms[room]?.free.push(place);
  }

  /** The buffer that a place is in, and where it begins there. */
  slabOf(place: number): Buffer {
    return this.#slabs[place >> UNITS_BITS] as Buffer;
  }

  startOf(place: number): number {
    return (place & ((1 << UNITS_BITS) - 1)) << UNIT_BITS;
  }
}

type Room = { slab: number; next: number; readonly free: number[] };

/** Bytes of a payload that are kept for showing. */
export const PREVIEW_BYTES = 256;

/** A piece of a slab. */
export type Slot = { readonly slab: Buffer; readonly at: number; readonly room: number };

/** Most values are a number or a short JSON: 100,000 buffers of 256 bytes each would be wasted on them. */
const ROOMS = [16, 64, PREVIEW_BYTES] as const;
const SLAB_BYTES = 64 * 1024;

/** Hands out small pieces of few large buffers, and takes them back when a topic's values outgrow them. */
export class PreviewSlots {
  readonly #sizes: SizeClass[] = ROOMS.map((room) => ({ room, slab: null, next: 0, free: [] }));

  /** A slot with room for `bytes`, at most PREVIEW_BYTES. */
  take(bytes: number): Slot {
    const size = this.#sizes.find(({ room }) => room >= bytes) as SizeClass;
    const free = size.free.pop();
    if (free) return free;
    if (size.slab === null || size.next + size.room > SLAB_BYTES) {
      size.slab = Buffer.allocUnsafeSlow(SLAB_BYTES);
      size.next = 0;
    }
    const slot = { slab: size.slab, at: size.next, room: size.room };
    size.next += size.room;
    return slot;
  }

  give(slot: Slot): void {
    this.#sizes.find(({ room }) => room === slot.room)?.free.push(slot);
  }
}

type SizeClass = { readonly room: number; slab: Buffer | null; next: number; readonly free: Slot[] };

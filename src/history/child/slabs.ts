/** Memory for bytes that wait for their reader, used again and again: answers leave no garbage, which MQTT would wait for. */
const SLAB_BYTES = 64 * 1024;
/** Slabs that are kept: 2 MiB. */
const KEEP = 32;
const free: Buffer[] = [];

/** A piece of an answer: buffer[0..length). */
export type Slab = { readonly buffer: Buffer; length: number };

export function takeSlab(): Slab {
  return { buffer: free.pop() ?? Buffer.allocUnsafeSlow(SLAB_BYTES), length: 0 };
}

/** Copies as much of bytes[at..] as there is room for; returns how much that was. */
export function fillSlab(slab: Slab, bytes: Uint8Array, at: number): number {
  const taken = Math.min(bytes.length - at, SLAB_BYTES - slab.length);
  slab.buffer.set(bytes.subarray(at, at + taken), slab.length);
  slab.length += taken;
  return taken;
}

/** Nobody reads it any more. */
export function giveSlab(slab: Slab): void {
  if (free.length < KEEP) free.push(slab.buffer);
}

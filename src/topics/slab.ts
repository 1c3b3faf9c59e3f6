/** So many bytes are made at once. */
const SLAB_BYTES = 1024;
/** Larger ones are made alone: a slab is free when the last that shares it is, and what one holds in vain stays below 1 KiB. */
const LARGEST = 128;

/**
 * Makes room for small values that are kept, `length` bytes that are not cleared. Small ones share their memory: alone each
 * would cost more than it holds, and the garbage collector would count them all.
 */
export function createSlab(): (length: number) => Buffer {
  let slab = Buffer.allocUnsafeSlow(SLAB_BYTES);
  let used = 0;
  return (length) => {
    if (length > LARGEST) return Buffer.allocUnsafeSlow(length);
    if (used + length > SLAB_BYTES) {
      slab = Buffer.allocUnsafeSlow(SLAB_BYTES);
      used = 0;
    }
    used += length;
    return slab.subarray(used - length, used);
  };
}

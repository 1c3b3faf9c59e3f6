/** From this length on a call into the runtime is cheaper than a loop. */
const LOOP_LIMIT = 36;

/** Copies src[srcStart..srcEnd) to dst at `at` and returns the offset behind it. The caller made sure that it fits. */
export function copyBytes(src: Buffer, srcStart: number, srcEnd: number, dst: Buffer, at: number): number {
  const length = srcEnd - srcStart;
  if (length < LOOP_LIMIT) {
    for (let i = 0; i < length; i++) dst[at + i] = src[srcStart + i]!;
  } else {
    src.copy(dst, at, srcStart, srcEnd);
  }
  return at + length;
}

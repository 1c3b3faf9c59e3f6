/**
 * Up to here a loop of eight at a time wins over Buffer.copy, which costs 80 to 90 ns and on Node 20 also a view of the
 * source, whatever the length (measured on Node 20.20: 64 bytes 73 ns against 84 ns, 96 bytes 107 against 99); the view is
 * garbage to be collected on top of that, so the loop goes on a little beyond.
 */
const LOOP_LIMIT = 112;

/** Copies src[srcStart..srcEnd) to dst at `at` and returns the offset behind it. The caller made sure that it fits. */
export function copyBytes(src: Buffer, srcStart: number, srcEnd: number, dst: Buffer, at: number): number {
  const end = at + srcEnd - srcStart;
  if (srcEnd - srcStart > LOOP_LIMIT) {
    src.copy(dst, at, srcStart, srcEnd);
    return end;
  }
  let from = srcStart;
  let to = at;
  for (const eights = srcEnd - 7; from < eights; from += 8, to += 8) {
    dst[to] = src[from]!;
    dst[to + 1] = src[from + 1]!;
    dst[to + 2] = src[from + 2]!;
    dst[to + 3] = src[from + 3]!;
    dst[to + 4] = src[from + 4]!;
    dst[to + 5] = src[from + 5]!;
    dst[to + 6] = src[from + 6]!;
    dst[to + 7] = src[from + 7]!;
  }
  while (to < end) dst[to++] = src[from++]!;
  return end;
}

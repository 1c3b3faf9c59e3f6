import { expect, it } from 'vitest';
import { crc32c } from '../crc32c.ts';
import { SpanSums } from './span-sums.ts';

it('sums up any stretch as one pass over it does', () => {
  const bytes = Uint8Array.from({ length: 70_001 }, (_, n) => (n * 7919 + (n >> 3)) & 0xff);
  const sums = new SpanSums(bytes, 24);
  for (const [start, end] of [
    [24, 24],
    [24, 25],
    [24, 70_001],
    [31, 32],
    [32, 40],
    [33, 65_600],
    [40, 296],
    [1000, 1256],
    [69_999, 70_001],
  ] as const)
    for (const before of [0, 1, 0x80000000, 0xdeadbeef])
      expect(sums.sum(start, end, before)).toBe(crc32c(bytes, start, end, before));
});

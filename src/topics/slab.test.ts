import { expect, it } from 'vitest';
import { createSlab } from './slab.ts';

it('gives each value bytes of its own, small ones in memory that they share, large ones alone', () => {
  const roomFor = createSlab();
  const all = Array.from({ length: 200 }, (_, n) => roomFor(n).fill(n));
  all.forEach((bytes, n) => {
    expect(bytes).toHaveLength(n);
    expect(bytes.every((byte) => byte === n)).toBe(true);
  });
  expect(all[1]?.buffer).toBe(all[2]?.buffer);
  expect(all[150]?.buffer.byteLength).toBe(150);
  expect(new Set(all.slice(0, 129).map(({ buffer }) => buffer)).size).toBeLessThan(12);
});

import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { openPages } from './pages.ts';
import { Table } from './table.ts';
import { decodeValue } from './value.ts';

const base = mkdtempSync(join(tmpdir(), 'sonde-pages-'));
afterAll(() => rmSync(base, { recursive: true, force: true }));

function seeded(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 0x1_0000_0000;
  };
}

describe('LMDB read without LMDB', () => {
  it.each([1, 2, 3])(
    'finds what LMDB has, and no fault, after puts and removes of all sizes: seed %d',
    async (seed) => {
      const random = seeded(seed);
      const folder = mkdtempSync(join(base, 'one-'));
      const table = await Table.open(folder);
      const held = new Map<string, Buffer>();
      for (let round = 0; round < 60; round++) {
        const changes = new Map<string, Uint8Array | null>();
        for (let i = 0; i < 40; i++) {
          const key = `${'k'.repeat(Math.floor(random() * 300))}${Math.floor(random() * 400)}`;
          const size = random() < 0.1 ? random() * 40_000 : random() * 200;
          const value = random() < 0.4 ? null : Buffer.alloc(Math.floor(size), i);
          changes.set(key, value);
          if (value === null) held.delete(key);
          else held.set(key, value);
        }
        await table.apply(new Map([['retained', changes]]));
      }
      await table.close();
      const pages = openPages(folder);
      const found = [...pages.values()].filter(({ table }) => table === 'retained');
      pages.close();
      expect(pages.faults).toEqual([]);
      expect(pages.counts).toContainEqual({ name: 'retained', entries: held.size, found: held.size });
      for (const { key, value } of found) {
        const decoded = decodeValue(key, value);
        expect(decoded?.value.equals(held.get(decoded.key) as Buffer)).toBe(true);
      }
    },
  );

  it('finds every bit that is flipped in what a page says of its kind and its room', async () => {
    const folder = mkdtempSync(join(base, 'one-'));
    const table = await Table.open(folder);
    const values = Array.from(
      { length: 400 },
      (_, i) => [`key ${i}`, Buffer.alloc(i % 40 === 7 ? 10_000 : i, i)] as const,
    );
    await table.apply(new Map([['retained', new Map(values)]]));
    await table.apply(new Map([['retained', new Map(values.slice(0, 50).map(([key]) => [key, null]))]]));
    await table.close();
    const file = join(folder, 'data.mdb');
    const whole = readFileSync(file);
    const faultsOf = (bytes: Buffer): number => {
      writeFileSync(file, bytes);
      const pages = openPages(folder);
      for (const _ of pages.values());
      pages.close();
      return pages.faults.length;
    };
    expect(faultsOf(whole)).toBe(0);
    const unseen: string[] = [];
    const isUsed = (page: number): boolean => {
      const bytes = Buffer.from(whole);
      bytes.fill(0, page * 4096, page * 4096 + 24);
      return faultsOf(bytes) > 0;
    };
    const used = Array.from({ length: whole.length / 4096 - 2 }, (_, i) => i + 2).filter(isUsed);
    expect(used.length).toBeGreaterThan(20);
    // Of each kind some; all of them take ten seconds.
    for (const page of used.filter((_, i) => i % 7 === 0)) {
      for (let bit = 18 * 8; bit < 24 * 8; bit++) {
        const bytes = Buffer.from(whole);
        const at = page * 4096 + (bit >> 3);
        bytes[at] = (bytes[at] as number) ^ (1 << (bit & 7));
        if (faultsOf(bytes) === 0) unseen.push(`page ${page} byte ${bit >> 3} bit ${bit & 7}`);
      }
    }
    expect(unseen).toEqual([]);
  });
});

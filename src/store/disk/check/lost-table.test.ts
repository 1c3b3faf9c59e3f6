import { mkdirSync, mkdtempSync, rmSync, truncateSync, unlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeEach, describe, expect, it } from 'vitest';
import type { DiskStore } from '../disk-store.ts';
import { openSmall } from '../testing/small-store.ts';
import { checkStore } from './check-store.ts';

const base = mkdtempSync(join(tmpdir(), 'sonde-lost-table-'));
afterAll(() => rmSync(base, { recursive: true, force: true }));

let folder: string;
let file: string;
beforeEach(() => {
  folder = mkdtempSync(join(base, 'one-'));
  file = join(folder, 'table', 'data.mdb');
});

const open = (): Promise<DiskStore> => openSmall(folder);

/** Values of a store whose table has all of them: `count` of 1,000 bytes. */
async function fill(count: number): Promise<void> {
  const store = await open();
  for (let n = 0; n < count; n++) store.put('retained', `t/${n}`, Buffer.alloc(1000, n));
  await store.commit();
  // The table follows; what it has need not be in the log any more.
  for await (const _ of store.entries('retained')) break;
  await store.close();
}

async function values(store: DiskStore): Promise<number> {
  let count = 0;
  for await (const _ of store.entries('retained')) count += 1;
  return count;
}

describe.each([
  ['empty', () => truncateSync(file, 0)],
  ['gone', () => unlinkSync(file)],
] as const)('a table whose file is %s', (how, damage) => {
  it('is named also when nothing is lost, since the log has all of it', async () => {
    await fill(3);
    damage();
    const report = await checkStore(folder);
    const store = await open();
    const what = `it is ${how}; the log has all that was in it`;
    expect(store.damage).toMatchObject([{ file, what, count: 0 }]);
    expect(report?.findings).toMatchObject([{ file, what, count: 0 }]);
    expect(await values(store)).toBe(3);
    await store.close();
    const again = await open();
    expect(again.damage).toEqual([]);
    await again.close();
  });

  it('is named as a loss that nobody can count when the log begins later', async () => {
    await fill(100);
    damage();
    const report = await checkStore(folder);
    const store = await open();
    const what = `it is ${how}; the log does not go back to its beginning`;
    expect(store.damage).toMatchObject([{ file, what, count: null }]);
    expect(report?.findings).toMatchObject([{ file, what, count: null }]);
    expect(await values(store)).toBeLessThan(100);
    await store.close();
  });
});

it('a first start that was cut short before it had a table is no damage', async () => {
  await (await open()).close();
  for (const name of ['log', 'table', 'CLEAN']) rmSync(join(folder, name), { recursive: true });
  for (const name of ['log', 'table']) mkdirSync(join(folder, name));
  writeFileSync(file, '');
  expect((await checkStore(folder))?.findings).toEqual([]);
  const store = await open();
  expect(store.damage).toEqual([]);
  await store.close();
});

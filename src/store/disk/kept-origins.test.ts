import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, it } from 'vitest';
import type { DiskStore } from './disk-store.ts';
import { openSmall, storedMessage, targetOf } from './testing/small-store.ts';

const base = mkdtempSync(join(tmpdir(), 'sonde-origins-'));
afterAll(() => rmSync(base, { recursive: true, force: true }));

function append(store: DiskStore): number {
  const queue = store.openQueue('q');
  return store.append(storedMessage('t', Buffer.alloc(9)), [targetOf(queue)]);
}

/** A store that is a copy of one with a message, opened and closed. */
async function copied(): Promise<{ readonly folder: string; readonly origins: DiskStore['origins'] }> {
  const folder = mkdtempSync(join(base, 'copy-'));
  const first = await openSmall(mkdtempSync(join(base, 'first-')));
  append(first);
  await first.backup(folder);
  await first.close();
  const copy = await openSmall(folder);
  const { origins } = copy;
  expect(origins).toHaveLength(1);
  await copy.close();
  return { folder, origins };
}

const LOSSES: readonly (readonly [string, (folder: string) => void])[] = [
  ['FORMAT is gone', (folder) => rmSync(join(folder, 'FORMAT'))],
  ['FORMAT is empty', (folder) => writeFileSync(join(folder, 'FORMAT'), '')],
  ['a bit of FORMAT is flipped', (folder) => flip(join(folder, 'FORMAT'))],
  ['the table is gone', (folder) => rmSync(join(folder, 'table'), { recursive: true })],
];

function flip(file: string): void {
  const bytes = readFileSync(file);
  bytes.writeUInt8(bytes.readUInt8(60) ^ 1, 60);
  writeFileSync(file, bytes);
}

it.each(LOSSES)('%s: the store still knows whose copy it is, each time', async (_, lose) => {
  const { folder, origins } = await copied();
  for (let round = 0; round < 2; round++) {
    lose(folder);
    const store = await openSmall(folder);
    expect(store.damage).toHaveLength(1);
    expect(store.origins).toEqual(origins);
    await store.close();
  }
  // What was lost is written again: now the other one may go.
  for (const [, other] of LOSSES.slice(2)) {
    other(folder);
    const store = await openSmall(folder);
    expect(store.origins).toEqual(origins);
    await store.close();
  }
});

it('a start that dies before FORMAT is written again has not lost them', async () => {
  const { folder, origins } = await copied();
  rmSync(join(folder, 'FORMAT'));
  mkdirSync(join(folder, 'FORMAT.new')); // it cannot be written
  await (await openSmall(folder)).close();
  rmSync(join(folder, 'FORMAT.new'), { recursive: true });
  const store = await openSmall(folder);
  expect(store.origins).toEqual(origins);
  await store.close();
});

it('origins of which nothing is left are forgotten, however often a copy is copied', async () => {
  let folder = mkdtempSync(join(base, 'generation-'));
  const wanted: DiskStore['origins'][number][] = [];
  for (let generation = 0; generation < 6; generation++) {
    const store = await openSmall(folder);
    expect(store.origins).toEqual(wanted);
    const number = append(store);
    // Of two generations a message stays.
    if (generation === 1 || generation === 4) wanted.push({ incarnation: store.incarnation, upTo: number });
    else store.ack(store.openQueue('q'), number);
    await store.commit();
    folder = mkdtempSync(join(base, 'generation-'));
    await store.backup(folder);
    await store.close();
  }
});

it('FORMAT says what docs/storage.md says, and no more', async () => {
  const folder = mkdtempSync(join(base, 'format-'));
  const members = (): string[] => Object.keys(JSON.parse(readFileSync(join(folder, 'FORMAT'), 'utf8')) as object);
  for (let start = 0; start < 2; start++) {
    await (await openSmall(folder)).close();
    expect(members()).toEqual(['format', 'version', 'incarnation', 'origins', 'numbersAfter', 'sum']);
  }
});

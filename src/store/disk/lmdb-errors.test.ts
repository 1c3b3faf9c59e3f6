import {
  closeSync,
  cpSync,
  existsSync,
  mkdtempSync,
  openSync,
  readFileSync,
  rmSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { constants, tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { OperatorError, silentLogger, systemClock } from '../../base/index.ts';
import type { InspectTable } from './check/inspect-child.ts';
import type { DiskStore } from './disk-store.ts';
import { openDiskStore } from './open-store.ts';
import { copyHere } from './testing/copy-here.ts';

/*
 * Damage that the look before has not seen, since it came after it: LMDB meets it, and says so by a number. Where it ends the process
 * instead, the look's child ends in its place, and `sweep.test.ts` and `test/crash/damaged-store.test.ts` are about that.
 */
const blind: InspectTable = async () => ({ findings: { faults: [], counts: [], bad: [] }, died: null });

const base = mkdtempSync(join(tmpdir(), 'sonde-lmdb-errors-'));
const whole = join(base, 'whole');
const VALUES = 200;
let folder: string;
let file: string;
let made = 0;

const openIn = (path: string, inspect = blind): Promise<DiskStore> =>
  openDiskStore({
    folder: path,
    clock: systemClock(),
    logger: silentLogger,
    durability: 'sync',
    segmentBytes: 1024 * 1024,
    tableMs: 0,
    inspect,
    copyTable: copyHere,
  });

async function valuesIn(store: DiskStore): Promise<number> {
  let count = 0;
  for await (const _ of store.entries('retained')) count += 1;
  return count;
}

beforeAll(async () => {
  const store = await openIn(whole);
  for (let n = 0; n < VALUES; n++) store.put('retained', `0/t/${n}`, Buffer.alloc(100, n));
  await store.commit();
  expect(await valuesIn(store)).toBe(VALUES);
  await store.close();
  rmSync(join(whole, 'CLEAN'));
});
beforeEach(() => {
  made += 1;
  folder = join(base, `one-${made}`);
  file = join(folder, 'table', 'data.mdb');
  cpSync(whole, folder, { recursive: true });
});
afterAll(() => rmSync(base, { recursive: true, force: true }));

const PAGE = 4096;
const NOWHERE = 1_000_000n;
const eachMeta = (change: (meta: Buffer) => void) => (bytes: Buffer) => {
  for (const at of [0, PAGE]) change(bytes.subarray(at, at + PAGE));
};

/** Where the file says which page the values of `retained` begin on: in the list of tables, which is one leaf. */
function rootOfRetained(bytes: Buffer): number {
  const [first, second] = [0, PAGE].map((at) => bytes.readBigUInt64LE(at + 152)) as [bigint, bigint];
  const list = Number(bytes.readBigUInt64LE((first > second ? 0 : PAGE) + 136)) * PAGE;
  const key = bytes.indexOf('retained', list);
  return key + bytes.readUInt16LE(key - 2) + 40;
}

const CASES: readonly (readonly [string, string, (bytes: Buffer) => void])[] = [
  ['when it opens it', 'MDB_PAGE_NOTFOUND', eachMeta((meta) => void meta.writeBigUInt64LE(NOWHERE, 136))],
  ['when it writes to it', 'MDB_', (bytes) => void bytes.writeBigUInt64LE(NOWHERE, rootOfRetained(bytes))],
];

describe("the table of a store, damaged where only LMDB's errors tell of it", () => {
  it.each(CASES)('is set aside with what LMDB said %s, and begun anew', async (_when, name, change) => {
    const bytes = readFileSync(file);
    change(bytes);
    writeFileSync(file, bytes);
    const store = await openIn(folder);
    const [damage] = store.damage;
    expect(damage).toMatchObject({ file, what: expect.stringContaining(`LMDB, reading it, said: ${name}`) });
    expect(readFileSync(join(damage?.kept ?? '', 'data.mdb')).equals(bytes)).toBe(true);
    // The log goes back to its beginning: nothing is lost.
    expect(await valuesIn(store)).toBe(VALUES);
    await store.close();
    expect(existsSync(join(folder, 'OPENING'))).toBe(false);
    const again = await openIn(folder);
    expect([again.damage, await valuesIn(again)]).toEqual([[], VALUES]);
    await again.close();
  });

  it('is told of when LMDB meets it later; the log goes on, and the next start begins it anew', async () => {
    const store = await openIn(folder);
    // LMDB reads the file through memory that all its readers share: it sees this at once.
    const nowhere = Buffer.alloc(8);
    nowhere.writeBigUInt64LE(NOWHERE);
    const handle = openSync(file, 'r+');
    writeSync(handle, nowhere, 0, 8, rootOfRetained(readFileSync(file)));
    closeSync(handle);
    store.put('retained', '0/later', Buffer.from('x'));
    await store.commit();
    const refused = await valuesIn(store).catch((error: unknown) => error);
    expect(refused).toBeInstanceOf(OperatorError);
    expect((refused as OperatorError).message).toContain(`${file} is damaged: MDB_`);
    expect((refused as OperatorError).advice).toContain('Start Sonde again');
    expect(store.damage).toMatchObject([{ file, what: expect.stringContaining('LMDB cannot go on with it (MDB_') }]);
    expect(store.failing()).toBe(false);
    await store.close();
    const next = await openIn(folder);
    expect(next.damage).toMatchObject([{ file, what: expect.stringContaining('said: MDB_') }]);
    expect(await valuesIn(next)).toBe(VALUES + 1);
    await next.close();
  });

  it.each([
    [constants.errno.EIO, 'Input/output error', 'Its disk takes or gives no data'],
    [constants.errno.ENOSPC, 'No space left on device', 'Free space on its disk.'],
    [constants.errno.EINVAL, 'Invalid argument', 'its file system cannot map files into memory'],
    [-30790, 'MDB_READERS_FULL: Environment maxreaders limit reached', 'Look at that folder and its disk'],
  ])('says in a line what the system refuses LMDB, and what to do: %s %s', async (code, words, advice) => {
    const refuse = () => Promise.reject(Object.assign(new Error(words), { code }));
    const error = await openIn(folder, refuse).catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(OperatorError);
    expect((error as OperatorError).message).toBe(`${file} cannot be opened: ${words}`);
    expect((error as OperatorError).advice).toContain(advice);
  });
});

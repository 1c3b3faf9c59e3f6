import { copyFileSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { type Engine, openEngine } from '../engine.ts';
import { HISTORY_DEFAULTS } from '../options.ts';
import type { HistoryDamage } from '../port.ts';
import type { FromProcess, SeriesColumns } from '../protocol.ts';

/*
 * Real damage to a database with 60 points behind a checkpoint and 40 in its write-ahead log: history opens, and what it
 * has not is told of; the damaged file is kept.
 */
const base = mkdtempSync(join(tmpdir(), 'sonde-history-damage-'));
afterAll(() => rmSync(base, { recursive: true, force: true }));
const whole = join(base, 'whole.duckdb');
let folder: string;
let file: string;

const told: HistoryDamage[] = [];
const openHere = (crashed = false): Promise<Engine> => {
  const say = (message: FromProcess): void => {
    if (message.kind === 'damage') told.push(message.damage);
  };
  return openEngine(file, HISTORY_DEFAULTS, 'run', say, new PassThrough(), crashed);
};

/** Points of the one series, by its figures. */
async function pointsIn(engine: Engine): Promise<number> {
  const series = (await engine.answer(1, { name: 'series', world: 1, filter: '#', limit: 9 })) as SeriesColumns;
  return series.counts[0] ?? 0;
}

async function write(engine: Engine, from: number, count: number): Promise<void> {
  const payload = Buffer.from(Array.from({ length: count }, (_, n) => String((from + n) % 10)).join(''));
  const messages = {
    count,
    topics: new Uint32Array(count),
    arrived: Float64Array.from({ length: count }, (_, n) => 1e15 + from + n),
    ends: Uint32Array.from({ length: count }, (_, n) => n + 1),
    payload,
  };
  await engine.write({
    kind: 'batch',
    batch: from,
    topics: [{ id: 1, from: 0, worlds: [1], topics: ['t'] }],
    qos0: { number: from + 1, dictionary: 1, messages },
    queue: null,
  });
}

beforeAll(async () => {
  folder = base;
  file = join(base, 'made.duckdb');
  let engine = await openHere();
  await write(engine, 0, 60);
  await engine.close(true);
  engine = await openHere();
  for (let n = 60; n < 100; n += 10) await write(engine, n, 10);
  copyFileSync(file, whole);
  copyFileSync(`${file}.wal`, `${whole}.wal`);
  copyFileSync(`${file}.mark`, `${whole}.mark`);
  await engine.close(false);
  expect(told).toEqual([]);
});

beforeEach(() => {
  folder = mkdtempSync(join(base, 'one-'));
  file = join(folder, 'history.duckdb');
  told.length = 0;
  copyFileSync(whole, file);
  copyFileSync(`${whole}.wal`, `${file}.wal`);
  copyFileSync(`${whole}.mark`, `${file}.mark`);
});

type Change = (bytes: Buffer) => Buffer;
const flip =
  (at: (size: number) => number): Change =>
  (bytes) => {
    const place = Math.floor(at(bytes.length));
    bytes[place] = (bytes[place] as number) ^ 4;
    return bytes;
  };

const CASES: readonly (readonly [string, 'db' | 'wal', Change])[] = [
  ['its magic', 'db', flip(() => 9)],
  ['its version', 'db', flip(() => 13)],
  ['its first header', 'db', flip(() => 4096 + 20)],
  ['its second header', 'db', flip(() => 8192 + 20)],
  ['both headers', 'db', (bytes) => flip(() => 8192 + 9)(flip(() => 4096 + 9)(bytes))],
  ['a byte of each block', 'db', (bytes) => everyBlock(bytes)],
  ['its second half, which is gone', 'db', (bytes) => bytes.subarray(0, bytes.length / 2)],
  ['all but 1000 bytes', 'db', (bytes) => bytes.subarray(0, 1000)],
  ['all of it, which is gone', 'db', () => Buffer.alloc(0)],
  ['all of it, which is junk', 'db', (bytes) => bytes.fill(0xa5)],
  ['all of it, which is zeroes', 'db', (bytes) => bytes.fill(0)],
  ['the first byte of its log', 'wal', flip(() => 0)],
  ['a length in its log', 'wal', flip(() => 9)],
  ['the first checksum of its log', 'wal', flip(() => 18)],
  ['the first entry of its log', 'wal', flip(() => 30)],
  ['the middle of its log', 'wal', flip((size) => size / 2)],
  ['the end of its log', 'wal', flip((size) => size - 20)],
  ['the end of its log, which is zeroes', 'wal', (bytes) => bytes.fill(0, bytes.length - 300)],
  ['the second half of its log, which is gone', 'wal', (bytes) => bytes.subarray(0, bytes.length / 2)],
  ['the last byte of its log, which is gone', 'wal', (bytes) => bytes.subarray(0, bytes.length - 1)],
  ['its log, which is empty', 'wal', () => Buffer.alloc(0)],
  ['the length of the last entry of its log', 'wal', (bytes) => flip(() => lastEntry(bytes))(bytes)],
  ['its log, which is junk', 'wal', (bytes) => bytes.fill(0xa5)],
];

function lastEntry(bytes: Buffer): number {
  for (let at = 8; ; ) {
    const next = at + 16 + Number(bytes.readBigUInt64LE(at));
    if (next >= bytes.length) return at;
    at = next;
  }
}

function everyBlock(bytes: Buffer): Buffer {
  for (let at = 3 * 4096 + 100; at < bytes.length; at += 256 * 1024) bytes[at] = (bytes[at] as number) ^ 0xff;
  return bytes;
}

describe('history whose files are damaged', () => {
  it('has all its points when they are not', async () => {
    const engine = await openHere();
    expect(await pointsIn(engine)).toBe(100);
    await engine.close(true);
    expect(told).toEqual([]);
  });

  it.each(CASES)('opens, tells of it and keeps the file: %s', async (_name, which, change) => {
    const path = which === 'db' ? file : `${file}.wal`;
    const damaged = change(readFileSync(path));
    writeFileSync(path, damaged);
    const engine = await openHere();
    const points = await pointsIn(engine);
    if (which === 'wal') expect(points).toBeGreaterThanOrEqual(60);
    if (points < 100) expect(told.length).toBeGreaterThan(0);
    for (const { kept } of told) expect(damaged.length === 0 || (kept !== null && existsSync(kept))).toBe(true);
    if (told.length > 0 && damaged.length > 0)
      expect(readdirSync(folder).some((name) => damaged.equals(bytesOf(name)))).toBe(true);
    // It records again.
    await write(engine, 200, 10);
    expect(await pointsIn(engine)).toBe(points + 10);
    await engine.close(true);
    told.length = 0;
    const again = await openHere();
    expect(await pointsIn(again)).toBe(points + 10);
    await again.close(true);
    expect(told).toEqual([]);
  });

  const bytesOf = (name: string): Buffer =>
    name.endsWith('.tmp') ? Buffer.from('a folder') : readFileSync(join(folder, name));

  it('tells of a log that is gone', async () => {
    rmSync(`${file}.wal`);
    const engine = await openHere();
    expect(await pointsIn(engine)).toBe(60);
    expect(told.map(({ what }) => what)).toEqual([expect.stringContaining('it is gone')]);
    await engine.close(true);
  });

  it('keeps a log whose database is gone, and begins anew', async () => {
    const wal = readFileSync(`${file}.wal`);
    rmSync(file);
    const engine = await openHere();
    expect(await pointsIn(engine)).toBe(0);
    expect(told).toMatchObject([{ file: `${file}.wal`, what: 'the database that it belongs to is gone' }]);
    expect(readFileSync(told[0]?.kept ?? '')).toEqual(wal);
    await write(engine, 0, 10);
    expect(await pointsIn(engine)).toBe(10);
    await engine.close(true);
  });

  it('does not take a write that a kill cut short for damage', async () => {
    const wal = readFileSync(`${file}.wal`);
    // As the next commit leaves it that did not come to its end.
    writeFileSync(`${file}.wal`, Buffer.concat([wal, wal.subarray(8, 60)]));
    const engine = await openHere();
    expect(await pointsIn(engine)).toBe(100);
    await engine.close(true);
    expect(told).toEqual([]);
  });

  it('does not take a commit that a power cut left in pieces for damage, but one that others follow', async () => {
    const before = readFileSync(`${file}.wal`);
    const mark = readFileSync(`${file}.mark`);
    const living = await openHere();
    await write(living, 200, 3000);
    const torn = readFileSync(`${file}.wal`);
    await write(living, 4000, 10);
    const followed = readFileSync(`${file}.wal`);
    const database = readFileSync(file);
    await living.close(true);
    // A hole of a sector, in the commit of 3,000 points.
    const hole = before.length + ((torn.length - before.length) >> 1);
    for (const log of [torn, followed]) {
      told.length = 0;
      writeFileSync(file, database);
      writeFileSync(`${file}.wal`, Buffer.from(log).fill(0, hole, hole + 512));
      writeFileSync(`${file}.mark`, mark);
      const engine = await openHere();
      expect(await pointsIn(engine)).toBe(100);
      expect(told.length).toBe(log === torn ? 0 : 1);
      await write(engine, 9000, 10);
      expect(await pointsIn(engine)).toBe(110);
      // What is left of it does not become part of the next commit.
      for (const end of ['', '.wal']) copyFileSync(file + end, join(folder, `killed.duckdb${end}`));
      await engine.close(true);
      const place = file;
      file = join(folder, 'killed.duckdb');
      const again = await openHere();
      expect(await pointsIn(again)).toBe(110);
      await again.close(true);
      file = place;
    }
  });

  it('sets the file aside when those that opened it crashed', async () => {
    const engine = await openHere(true);
    expect(await pointsIn(engine)).toBe(0);
    await engine.close(true);
    expect(told.map(({ file }) => file)).toEqual([file]);
    expect(readdirSync(folder).filter((name) => name.includes('.damaged-'))).toHaveLength(2);
  });
});

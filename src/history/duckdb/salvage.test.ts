import {
  copyFileSync,
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import { DuckDBInstance } from '@duckdb/node-api';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { type Engine, openEngine } from '../engine.ts';
import { HISTORY_DEFAULTS } from '../options.ts';
import type { HistoryDamage } from '../port.ts';
import type { FromProcess, SeriesColumns } from '../protocol.ts';
import { writeFound } from './exchange.ts';
import { rowsOf } from './rows.ts';

/* Real damage to one block of a large table: it is found, told of, and what is sound goes on in a new database. */
const base = mkdtempSync(join(tmpdir(), 'sonde-history-salvage-'));
const whole = join(base, 'whole.duckdb');
const TOPICS = ['a', 'b', 'c'];
const BATCH = 5000;
const TOTAL = 300_000;
/** Where blocks begin in the file, and how large they are. */
const HEADERS = 3 * 4096;
const BLOCK = 256 * 1024;

let file: string;
const told: HistoryDamage[] = [];
const fatal: string[] = [];
const failures: string[] = [];
let batches = 0;

const open = (path = file): Promise<Engine> => {
  const say = (message: FromProcess): void => {
    if (message.kind === 'damage') told.push(message.damage);
    if (message.kind === 'fatal') fatal.push(message.text);
    if (message.kind === 'failure') failures.push(message.text);
  };
  const pipe = new PassThrough();
  pipe.resume();
  return openEngine(path, HISTORY_DEFAULTS, 'run', say, pipe);
};

/** Points of the three topics in turn, one each 100 ms, with values that cannot be packed. */
async function write(engine: Engine, from: number, count: number): Promise<void> {
  const values = Array.from({ length: count }, (_, i) => String(Math.sin(from + i + 1) * 1000));
  let end = 0;
  const messages = {
    count,
    topics: Uint32Array.from({ length: count }, (_, i) => (from + i) % TOPICS.length),
    arrived: Float64Array.from({ length: count }, (_, i) => 1.7e15 + (from + i) * 1e5),
    ends: Uint32Array.from(values, (text) => {
      end += text.length;
      return end;
    }),
    payload: Buffer.from(values.join('')),
  };
  batches += 1;
  await engine.write({
    kind: 'batch',
    batch: batches,
    topics: [{ id: 1, from: 0, worlds: [1, 1, 1], topics: TOPICS }],
    qos0: { number: batches, dictionary: 1, messages },
    queue: null,
  });
}

async function counts(engine: Engine): Promise<readonly number[]> {
  return ((await engine.answer(1, { name: 'series', world: 1, filter: '#', limit: 9 })) as SeriesColumns).counts;
}

const ask = (engine: Engine, topic: string, fromUs: number | null = null, toUs: number | null = null) =>
  engine.answer(2, { name: 'buckets', query: { world: 1, topic, field: 'value', fromUs, toUs }, buckets: 10 });

const sum = (numbers: readonly number[]): number => numbers.reduce((all, one) => all + one, 0);

/** The blocks that a column of the points lies in, in one row group. */
async function blocksOf(column: string, group: number): Promise<number[]> {
  const instance = await DuckDBInstance.create(whole, { access_mode: 'READ_ONLY' });
  const connection = await instance.connect();
  const rows = await rowsOf(
    connection,
    `SELECT DISTINCT block_id::DOUBLE AS b FROM pragma_storage_info('point')
     WHERE column_name = '${column}' AND row_group_id = ${group} AND block_id >= 0 ORDER BY b`,
  );
  connection.closeSync();
  instance.closeSync();
  return rows.map(([block]) => Number(block));
}

function damage(block: number): Buffer {
  const bytes = readFileSync(file);
  const at = HEADERS + block * BLOCK + 5000;
  bytes[at] = (bytes[at] as number) ^ 0x10;
  writeFileSync(file, bytes);
  return bytes;
}

const salvageFiles = (): string[] => readdirSync(join(file, '..')).filter((name) => name.includes('salvag'));

beforeAll(async () => {
  const engine = await open(whole);
  for (let n = 0; n < TOTAL; n += BATCH) await write(engine, n, BATCH);
  await engine.close(true);
  expect(told).toEqual([]);
}, 60_000);
beforeEach(() => {
  file = join(mkdtempSync(join(base, 'one-')), 'history.duckdb');
  copyFileSync(whole, file);
  told.length = 0;
  fatal.length = 0;
  failures.length = 0;
});
afterAll(() => rmSync(base, { recursive: true, force: true }));

describe('a block in the middle of a large history that is damaged', () => {
  it('fails who reads it with a clear error, while recording goes on; the next start keeps what is sound and says what is lost', async () => {
    const block = (await blocksOf('v', 1)).at(-1);
    const bytes = damage(block as number);
    const engine = await open();
    expect(told).toEqual([]);
    await expect(ask(engine, 'a')).rejects.toThrow(/a part of history is damaged and cannot be read \(.*block.*\)/);
    expect(told).toEqual([{ file, what: expect.stringContaining('the next start keeps what is sound'), kept: null }]);
    // What lies elsewhere is answered, and recording goes on.
    await expect(ask(engine, 'a', null, 1.7e15 + 1e9)).resolves.toBeNull();
    await write(engine, TOTAL, BATCH);
    await expect(engine.answer(3, { name: 'backup', file: `${file}.copy` })).rejects.toThrow(/checksum/);
    expect(existsSync(`${file}.copy`)).toBe(false);
    await engine.close(true);
    expect(fatal).toEqual([]);

    told.length = 0;
    const next = await open();
    const [found] = told;
    expect(told).toHaveLength(1);
    const lost = Number(/^(\d+) rows of table point/.exec(found?.what ?? '')?.[1]);
    expect(lost).toBeGreaterThan(0);
    expect(lost).toBeLessThanOrEqual(122_880);
    // Whose they were stands in other blocks.
    const named = [...(found?.what ?? '').matchAll(/(\d+) of [abc] from 2023-11-1\dT[\d:.]+Z to 2023-11-1\dT/g)];
    expect(sum(named.map(([, rows]) => Number(rows)))).toBe(lost);
    expect(sum(await counts(next))).toBe(TOTAL + BATCH - lost);
    // All but what was written since: the file is as it was damaged.
    const kept = readFileSync(found?.kept ?? '');
    const at = HEADERS + (block as number) * BLOCK;
    expect(kept.subarray(at, at + BLOCK).equals(bytes.subarray(at, at + BLOCK))).toBe(true);
    for (const topic of TOPICS) await ask(next, topic);
    await write(next, TOTAL + BATCH, BATCH);
    await next.close(true);

    told.length = 0;
    const again = await open();
    expect(sum(await counts(again))).toBe(TOTAL + 2 * BATCH - lost);
    await again.close(true);
    expect(told).toEqual([]);
  }, 60_000);

  it('is found without being asked for when the last process did not end in order', async () => {
    const [block] = await blocksOf('v', 0);
    const before = await open();
    await write(before, TOTAL, BATCH);
    copyFileSync(`${file}.wal`, join(base, 'killed.wal'));
    await before.close(false);
    copyFileSync(whole, file);
    copyFileSync(join(base, 'killed.wal'), `${file}.wal`);
    damage(block as number);
    told.length = 0;
    const engine = await open();
    await expect.poll(() => told.length, { timeout: 10_000 }).toBe(1);
    expect(told[0]?.what).toContain('checksum');
    await engine.close(false);
    told.length = 0;
    const next = await open();
    const lost = Number(/^(\d+) rows of table point/.exec(told[0]?.what ?? '')?.[1]);
    expect(sum(await counts(next))).toBe(TOTAL + BATCH - lost);
    await next.close(true);
  }, 60_000);

  it('where rows are written ends the process, and the next one goes on with what is sound', async () => {
    const last = Math.floor((TOTAL - 1) / 122_880);
    const [block] = await blocksOf('v', last);
    damage(block as number);
    let engine = await open();
    let written = TOTAL;
    for (let n = 0; n < 5; n++, written += BATCH) await write(engine, written, BATCH);
    await engine.close(true);
    // A checkpoint that had to read it says so; one that had not leaves it to who reads it.
    if (told.length === 0) {
      engine = await open();
      await ask(engine, 'a').catch(() => {});
      await engine.close(true);
    }
    told.length = 0;
    engine = await open();
    const lost = Number(/^(\d+) rows of table point/.exec(told[0]?.what ?? '')?.[1]);
    expect(sum(await counts(engine))).toBe(written - lost);
    await engine.close(true);
  }, 60_000);

  it.each(['csv', 'parquet'] as const)(
    'is noted and told of when an export meets it: %s',
    async (format) => {
      damage((await blocksOf('v', 1)).at(-1) as number);
      const engine = await open();
      const query = { world: 1, topic: 'a', field: 'value', fromUs: null, toUs: null, format } as const;
      expect(await engine.answer(7, { name: 'export', query })).toBe('begun');
      engine.pull(7, TOTAL * 1000);
      await expect.poll(() => failures, { timeout: 10_000 }).toHaveLength(1);
      expect(failures[0]).toMatch(/a part of history is damaged and cannot be read/);
      expect(told).toEqual([{ file, what: expect.stringContaining('the next start keeps what is sound'), kept: null }]);
      expect(salvageFiles()).toEqual(['history.duckdb.salvage']);
      // Who asks in another way tells nothing else.
      await expect(ask(engine, 'a')).rejects.toThrow(failures[0]);
      expect(new Set(told.map(({ what }) => what)).size).toBe(1);
      await engine.close(true);
    },
    60_000,
  );

  it('is told of by who ends an exchange that was killed between two steps', async () => {
    damage((await blocksOf('v', 1))[0] as number);
    writeFileSync(`${file}.salvage`, '');
    writeFileSync(`${file}.salvaging`, 'half of a copy');
    let engine = await open();
    const points = sum(await counts(engine));
    expect(points).toBeLessThan(TOTAL);
    // Its broker was killed: nobody knows whether it has told of it.
    await engine.close(false);
    const found = [...told];
    expect(found).toMatchObject([{ file, what: expect.stringContaining(`${TOTAL - points} rows of table point`) }]);
    const kept = found[0]?.kept ?? '';
    const note = readFileSync(`${file}.salvaged.json`);
    const whole = (): void => renameSync(file, `${file}.salvaged`);
    const back = (): void => renameSync(kept, file);
    const steps: readonly (readonly [string, () => void, readonly unknown[]])[] = [
      ['the copy was whole', () => [whole(), back()], found],
      ['the damaged one was away', whole, found],
      ['all was in its place', () => {}, found],
      [
        'an older Sonde, which left no word',
        () => [whole(), rmSync(`${file}.salvaged.json`)],
        [{ file, what: expect.stringContaining('not known'), kept: null }],
      ],
    ];
    for (const [step, prepare, expected] of steps) {
      writeFileSync(`${file}.salvaged.json`, note);
      prepare();
      writeFileSync(`${file}.salvage`, '');
      if (existsSync(file) && !existsSync(`${file}.salvaged`)) rmSync(`${file}.salvage`);
      told.length = 0;
      engine = await open();
      expect([step, told]).toEqual([step, expected]);
      expect(existsSync(kept)).toBe(true);
      expect(sum(await counts(engine))).toBe(points);
      await engine.close(true);
      expect([step, salvageFiles()]).toEqual([step, []]);
    }
    told.length = 0;
    await (await open()).close(true);
    expect(told).toEqual([]);
  }, 60_000);

  it('is not told of by what a salvage wrote whose copy never became whole', async () => {
    writeFileSync(`${file}.salvaging`, 'half of a copy');
    writeFound(file, ['5 rows of table point cannot be read and are lost']);
    await (await open()).close(true);
    expect([told, salvageFiles()]).toEqual([[], []]);
  }, 60_000);
});

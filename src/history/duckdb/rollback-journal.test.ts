import { copyFileSync, existsSync, mkdtempSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { checkHistory } from '../check/check-history.ts';
import { openEngine } from '../engine.ts';
import { HISTORY_DEFAULTS } from '../options.ts';
import type { FromProcess } from '../protocol.ts';
import { checkpointSafely, keepForRollback } from './checkpoint.ts';
import { type Database, openDatabase } from './database.ts';
import { HEADERS_BYTES } from './database-file.ts';
import { dropJournal, hasJournal, isTorn, journalOf, rollBack } from './rollback-journal.ts';
import { rowsOf } from './rows.ts';
import { TABLE_NAMES } from './schema.ts';

/*
 * Checkpoints of a real database, each as a power cut may leave it: what it was before, with sectors of what the checkpoint wrote,
 * or with sectors of which nothing can be read.
 */
const SECTOR = 512;
let folder: string;
let file: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'sonde-rollback-'));
  file = join(folder, 'history.duckdb');
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const open = (path = file): Promise<Database> => openDatabase(path, HISTORY_DEFAULTS);
const nothing = (): void => {};

/** More points and texts, figures that are made anew, and now and then a retention that deletes. */
async function change({ writer }: Database, n: number): Promise<void> {
  const time = `TIMESTAMP '2026-01-01' + to_seconds(i + ${n * 40_000})`;
  await writer.run(`BEGIN;
    INSERT INTO point SELECT i % 7, ${time}, ${time}, i, hash(i + ${n}) / 1e9 FROM range(40000) r(i);
    INSERT INTO text SELECT i % 3, ${time}, ${time}, i, 0, md5(CAST(i + ${n} AS VARCHAR)), NULL FROM range(9000) r(i);
    INSERT INTO series SELECT i + ${n * 40}, 1, 'topic/' || i, 'field ${n}', NULL FROM range(40) r(i);
    DELETE FROM series_state;
    INSERT INTO series_state SELECT id, ${n}, 0, 0, 0, 0, 0, NULL, NULL FROM series;
    UPDATE state_seq SET seq = ${n};
    COMMIT`);
  if (n % 3 === 2) await writer.run(`DELETE FROM point WHERE t < TIMESTAMP '2026-01-01' + to_seconds(${n * 30_000})`);
  if (n % 4 === 3) await writer.run('DELETE FROM text WHERE seq % 2 = 0');
}

/** What all tables hold. */
async function contentsOf(database: Database): Promise<unknown[]> {
  const found: unknown[] = [];
  for (const table of TABLE_NAMES) {
    const sql = `SELECT count(*)::VARCHAR, bit_xor(hash(each_row))::VARCHAR FROM ${table} AS each_row`;
    found.push([table, ...(await rowsOf(database.writer, sql))]);
  }
  return found;
}

/** The same, of a file; null: it cannot be opened, or not be read. */
async function readable(path: string): Promise<unknown[] | null> {
  try {
    const database = await open(path);
    try {
      return await contentsOf(database);
    } finally {
      database.close();
    }
  } catch {
    return null;
  }
}

/** `before`, and of each sector that is another one in `after` what `choose` says; the headers are those of `before`. */
function tornImage(before: Buffer, after: Buffer, choose: (sector: Buffer) => Buffer | null): Buffer {
  const image = Buffer.concat([before, Buffer.alloc(Math.max(0, after.length - before.length))]);
  for (let at = HEADERS_BYTES; at < after.length; at += SECTOR) {
    const sector = after.subarray(at, at + SECTOR);
    if (!sector.equals(image.subarray(at, at + SECTOR))) choose(sector)?.copy(image, at);
  }
  return image;
}

type Moment = { readonly before: Buffer; readonly after: Buffer; readonly journal: Buffer; readonly held: unknown[] };

/** A database that has lived for `lives` checkpoints; answers the moment of each, its log too in `<n>.wal`. */
async function live(lives: number): Promise<Moment[]> {
  const database = await open();
  const moments: Moment[] = [];
  for (let n = 0; n < lives; n++) {
    await change(database, n);
    const held = await contentsOf(database);
    copyFileSync(`${file}.wal`, join(folder, `${n}.wal`));
    await keepForRollback(database);
    const [before, journal] = [readFileSync(file), readFileSync(journalOf(file))];
    await checkpointSafely(database, nothing);
    moments.push({ before, after: readFileSync(file), journal, held });
  }
  database.close();
  return moments;
}

/** Puts a folder together as a cut left it; answers the database's path. */
function put(image: Buffer, journal: Buffer | null, wal: string): string {
  const path = join(folder, 'cut.duckdb');
  writeFileSync(path, image);
  copyFileSync(wal, `${path}.wal`);
  dropJournal(path);
  if (journal !== null) writeFileSync(journalOf(path), journal);
  return path;
}

describe('a checkpoint of DuckDB that a power cut tears', () => {
  it('is undone, and all is there', async () => {
    const moments = await live(9);
    let needed = 0;
    for (const [n, { before, after, journal, held }] of moments.entries()) {
      const wal = join(folder, `${n}.wal`);
      let turn = 0;
      const garbage = tornImage(before, after, () => Buffer.alloc(SECTOR, 0xa5));
      const half = tornImage(before, after, (sector) => (turn++ % 2 === 0 ? sector : null));
      for (const image of [garbage, half]) {
        if ((await readable(put(image, null, wal))) === null) needed += 1;
        const cut = put(image, journal, wal);
        expect(rollBack(cut)).toBe(journal.length > 100_000 ? 1 : 0);
        expect(hasJournal(cut)).toBe(false);
        expect(await readable(cut)).toEqual(held);
      }
    }
    // The first checkpoint has nothing to write over; without the journal each other one would have taken all.
    expect(needed).toBe(2 * (moments.length - 1));
  }, 120_000);

  it('and its new header too, are undone; a second cut in the middle of that changes nothing', async () => {
    const [, , moment] = (await live(3)) as [Moment, Moment, Moment];
    const { before, after, journal, held } = moment;
    const image = tornImage(before, after, () => Buffer.alloc(SECTOR, 0xa5));
    const slot = [4096, 8192].find((at) => !before.subarray(at, at + 4096).equals(after.subarray(at, at + 4096)));
    after.copy(image, slot, slot, Number(slot) + 20);
    const wal = join(folder, '2.wal');
    expect(await readable(put(image, null, wal))).toBeNull();
    const cut = put(image, journal, wal);
    expect(isTorn(cut)).toBe(true);
    expect(rollBack(cut)).toBe(1);
    // The journal's name was removed, and is there again; the log was replayed, and is there again.
    writeFileSync(journalOf(cut), journal);
    expect(isTorn(cut)).toBe(false);
    expect(rollBack(cut)).toBe(1);
    expect(await readable(cut)).toEqual(held);
  });

  it('leaves alone what its journal is not of', async () => {
    const [, first, second] = (await live(3)) as [Moment, Moment, Moment];
    const wal = join(folder, '2.wal');
    const cases: [Buffer, Buffer][] = [
      // The header of the checkpoint is there: it is finished.
      [second.after, second.journal],
      // It is of the checkpoint before.
      [second.before, first.journal],
      // It was cut while it was written, or is damaged: the checkpoint had not begun.
      [second.before, second.journal.subarray(0, second.journal.length - 100)],
      [second.before, Buffer.concat([second.journal.subarray(0, -40), Buffer.alloc(40)])],
      [second.before, Buffer.alloc(0)],
    ];
    for (const [image, journal] of cases) {
      const cut = put(image, journal, wal);
      expect(isTorn(cut)).toBe(false);
      expect(rollBack(cut)).toBeNull();
      expect(readFileSync(cut).equals(image)).toBe(true);
      expect(hasJournal(cut)).toBe(false);
    }
  });

  it('is undone when history opens, which says so', async () => {
    const [, { before, after, journal }] = (await live(2)) as [Moment, Moment];
    const cut = put(
      tornImage(before, after, () => Buffer.alloc(SECTOR, 0xa5)),
      journal,
      join(folder, '1.wal'),
    );
    // A check changes nothing.
    const image = readFileSync(cut);
    expect(await checkHistory(cut)).toMatchObject({ findings: [], unable: expect.stringContaining('cut short') });
    expect(readFileSync(cut).equals(image)).toBe(true);
    const said: FromProcess[] = [];
    const engine = await openEngine(cut, HISTORY_DEFAULTS, 'run', (message) => said.push(message), new PassThrough());
    await engine.close(true);
    expect(said.filter(({ kind }) => kind === 'damage')).toEqual([]);
    expect(said).toContainEqual(expect.objectContaining({ kind: 'log', level: 'info', fields: { blocks: 1 } }));
    expect(existsSync(journalOf(cut))).toBe(false);
  });

  it('does not come without a journal: DuckDB makes none by itself, also not at a close', async () => {
    const database = await open();
    await change(database, 0);
    await checkpointSafely(database, nothing);
    const before = readFileSync(file);
    await change(database, 1);
    database.close();
    expect(readFileSync(file).equals(before)).toBe(true);
    // Nor at an opening that replays the log.
    const again = await open();
    expect(readFileSync(file).equals(before)).toBe(true);
    again.close();
  });

  it('that fails leaves the log and what was committed', async () => {
    const database = await open();
    await change(database, 0);
    const held = await contentsOf(database);
    truncateSync(file, HEADERS_BYTES - 1);
    await expect(checkpointSafely(database, nothing)).rejects.toThrow('no header');
    expect(await contentsOf(database)).toEqual(held);
    expect(existsSync(journalOf(file))).toBe(false);
    database.close();
  });
});

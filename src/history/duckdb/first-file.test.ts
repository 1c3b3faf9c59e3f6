import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import { DuckDBInstance } from '@duckdb/node-api';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { openEngine } from '../engine.ts';
import { HISTORY_DEFAULTS } from '../options.ts';
import type { HistoryDamage } from '../port.ts';

let base: string;
let file: string;
beforeEach(() => {
  base = mkdtempSync(join(tmpdir(), 'sonde-first-'));
  file = join(base, 'history.duckdb');
});
afterEach(() => rmSync(base, { recursive: true, force: true }));

/** Opens history and closes it again; answers the damage that it told of. */
async function opened(): Promise<readonly HistoryDamage[]> {
  const told: HistoryDamage[] = [];
  const engine = await openEngine(
    file,
    HISTORY_DEFAULTS,
    'run',
    (message) => {
      if (message.kind === 'damage') told.push(message.damage);
    },
    new PassThrough(),
  );
  await engine.close(true);
  return told;
}

/** As a restore leaves it: the file alone. */
async function restoredFile(): Promise<void> {
  expect(await opened()).toEqual([]);
  for (const name of readdirSync(base)) {
    if (name !== 'history.duckdb') rmSync(join(base, name), { recursive: true });
  }
}

describe('a database that is being made', () => {
  it.each<readonly [string, (whole: Buffer) => Buffer]>([
    ['nothing', () => Buffer.alloc(0)],
    ['its first header', (whole) => whole.subarray(0, 4096)],
    ['a part of its second header', (whole) => whole.subarray(0, 5000)],
    ['all but a sector', (whole) => Buffer.from(whole).fill(0, 8192, 8192 + 512)],
    ['all', (whole) => whole],
  ])('passes without an alarm when a kill or a power cut left of it: %s', async (_what, left) => {
    const instance = await DuckDBInstance.create(`${file}.new`);
    instance.closeSync();
    writeFileSync(`${file}.new`, left(readFileSync(`${file}.new`)));
    expect(await opened()).toEqual([]);
    expect(readdirSync(base)).not.toContain('history.duckdb.new');
    expect(await opened()).toEqual([]);
  });

  it('has its name only when it is whole', async () => {
    // Nothing can be made under the other name: so nothing is made at all.
    mkdirSync(`${file}.new`);
    writeFileSync(join(`${file}.new`, 'x'), '');
    await expect(opened()).rejects.toThrow('history.duckdb.new');
    expect(readdirSync(base)).not.toContain('history.duckdb');
  });
});

it.each([0, 1000, 4096, 5000, 12_287, 12_288])(
  'a restored database of which %d bytes are left is told of and kept',
  async (bytes) => {
    await restoredFile();
    truncateSync(file, bytes);
    const left = readFileSync(file);
    const told = await opened();
    expect(told).toMatchObject([{ file, what: expect.stringContaining('history begins anew') }]);
    expect(readFileSync(told[0]?.kept ?? '').equals(left)).toBe(true);
    expect(await opened()).toEqual([]);
  },
);

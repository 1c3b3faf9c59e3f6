import { existsSync, mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { silentLogger, systemClock } from '../../base/index.ts';
import { openDataFolder } from '../../config/index.ts';
import { createHistory } from '../../history/index.ts';
import { openDiskStore } from '../../store/index.ts';
import { run } from '../testing/run.ts';

let cwd: string;
let data: string;
beforeEach(async () => {
  cwd = mkdtempSync(join(tmpdir(), 'sonde-check-'));
  data = join(cwd, 'sonde-data');
  mkdirSync(data);
  const store = await openDiskStore({
    folder: join(data, 'store'),
    clock: systemClock(),
    logger: silentLogger,
    durability: 'sync',
  });
  for (let n = 0; n < 9; n++) store.put('retained', `t/${n}`, Buffer.alloc(300, n));
  await store.close();
  const history = createHistory({ file: join(data, 'history.duckdb'), logger: silentLogger, clock: systemClock() });
  await history.start();
  await history.stop();
  expect((await run(cwd, ['token', 'create'])).code).toBe(0);
});
afterEach(() => rmSync(cwd, { recursive: true, force: true }));

function change(name: string, at: number): void {
  const file = join(data, name);
  const bytes = readFileSync(file);
  bytes[at] = (bytes[at] as number) ^ 1;
  writeFileSync(file, bytes);
}

describe('sonde check', () => {
  it('ends with 0 for a folder that is sound, and says what there is', async () => {
    const { code, out, err } = await run(cwd, ['check']);
    expect(err).toBe('');
    expect(out).toBe(
      [
        'tokens: 1',
        'store: 1 segments with 0 queued messages, 9 values in the table',
        'history: 0 points, 0 texts',
        `${data} is sound`,
        '',
      ].join('\n'),
    );
    expect(code).toBe(0);
  });

  it.each([
    ['store/FORMAT', 20],
    ['store/log/0001.seg', 20],
    ['store/log/0001.seg', 4200],
    ['store/table/data.mdb', 160],
    ['history.duckdb', 20],
    ['tokens.json', 0],
  ])('ends with 1 and names the file that is damaged: %s', async (name, at) => {
    change(name, at);
    const { code, out, err } = await run(cwd, ['check']);
    expect(out).toMatch(/^damaged: /);
    expect(out).toContain(join(data, name));
    expect(err).toContain(`${data} is damaged: `);
    expect(code).toBe(1);
  });

  it('knows a history that was salvaged and has not got its name back, and so does a backup', async () => {
    const file = join(data, 'history.duckdb');
    writeFileSync(join(data, 'RECORDED'), '');
    renameSync(file, `${file}.salvaged`);
    const kept = 'history.duckdb.damaged-TIME';
    writeFileSync(join(data, kept), 'damaged');
    writeFileSync(`${file}.salvaged.json`, JSON.stringify({ what: ['5 rows of table point are lost'], kept }));
    const lost = 'puts in its place: 5 rows of table point are lost';
    for (const state of [lost, 'the next start says what was found: 5 rows of table point are lost']) {
      const { code, out } = await run(cwd, ['check']);
      expect(out).toMatch(`damaged: ${file}: it`);
      expect(out).toContain(state);
      expect(out).toContain('history: 0 points, 0 texts');
      expect(out).not.toContain('gone');
      expect(code).toBe(1);
      const backup = await run(cwd, ['backup', join(cwd, 'copy')]);
      expect(backup.err).toContain('is damaged, and what is sound of it has not all been taken over');
      expect([backup.code, existsSync(join(cwd, 'copy'))]).toEqual([1, false]);
      // The exchange was made, and who made it was killed before it could say so.
      if (state === lost) renameSync(`${file}.salvaged`, file);
    }
    renameSync(file, `${file}.salvaged`);
    const history = createHistory({ file, logger: silentLogger, clock: systemClock() });
    await history.start();
    expect(history.status().damage).toEqual([{ file, what: '5 rows of table point are lost', kept: join(data, kept) }]);
    await history.stop();
    expect((await run(cwd, ['check'])).code).toBe(0);
    expect((await run(cwd, ['backup', join(cwd, 'copy')])).code).toBe(0);
    expect(existsSync(join(cwd, 'copy', 'history.duckdb'))).toBe(true);
  }, 60_000);

  it('ends with 2 for a folder that a Sonde uses, and for one that is not there', async () => {
    const held = openDataFolder(data);
    const used = await run(cwd, ['check']);
    held.release();
    expect(used.err).toContain('is in use by process');
    expect(used.code).toBe(2);
    const missing = await run(cwd, ['check', '--data', 'elsewhere']);
    expect(missing.err).toContain('there is no data folder');
    expect(missing.code).toBe(2);
  });
});

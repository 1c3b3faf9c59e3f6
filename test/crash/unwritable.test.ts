import { chmodSync, copyFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { entry } from '../../scripts/workshop/paths.mjs';
import { freePort, runToEnd } from '../tooling/index.ts';

const NOBODY = 65_534;

/** Root may write everywhere: then somebody else has to try. */
const asAnother = process.getuid?.() === 0 ? { uid: NOBODY, gid: NOBODY } : {};

describe.skipIf(process.platform === 'win32')('a start in a folder that may not be written', () => {
  let folder: string;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'sonde-unwritable-'));
  });
  afterEach(() => {
    chmodSync(folder, 0o700);
    rmSync(folder, { recursive: true, force: true });
  });

  async function refusedLine(dataDir: string, history = 'off'): Promise<string> {
    const flags = ['--mqtt', `127.0.0.1:${await freePort()}`, '--http', `127.0.0.1:${await freePort()}`];
    const result = await runToEnd(
      process.execPath,
      [entry, 'serve', '--data', dataDir, '--history', history, ...flags],
      {
        cwd: '/',
        env: { PATH: process.env['PATH'], HOME: '/' },
        ...asAnother,
      },
    );
    expect(result.stderr.trim().split('\n')).toHaveLength(1);
    expect(result.stderr).not.toMatch(/fault of Sonde|^\s+at /m);
    expect(result.code).toBe(1);
    return result.stderr;
  }

  it.each(['off', 'duckdb'])('is refused in one line that names the folder: history %s', async (history) => {
    chmodSync(folder, 0o555);
    expect(await refusedLine(folder, history)).toContain(folder);
  });

  it('is refused also when the folder would have to be made there', async () => {
    chmodSync(folder, 0o555);
    expect(await refusedLine(join(folder, 'data'))).toContain(folder);
  });

  it('is refused when it may not even be looked into', async () => {
    chmodSync(folder, 0o000);
    expect(await refusedLine(join(folder, 'data'))).toContain(folder);
  });

  it('is refused when a token file lies there that may not be read', async () => {
    chmodSync(folder, 0o755);
    const dataDir = join(folder, 'data');
    mkdirSync(dataDir);
    writeFileSync(join(dataDir, 'tokens.json'), '{}');
    chmodSync(join(dataDir, 'tokens.json'), 0o000);
    chmodSync(dataDir, 0o777);
    expect(await refusedLine(dataDir)).toContain('tokens.json');
  });

  it.each([
    ['tokens.json', 'not json'],
    ['tokens.json', ''],
    ['tokens.json', '{"format":"something else"}'],
    ['history.duckdb', 'this is no database, whatever its name says'.repeat(1000)],
  ])('is refused when %s is damaged (%#): its name is said, nothing is begun anew', async (name, content) => {
    chmodSync(folder, 0o777);
    const dataDir = join(folder, 'data');
    mkdirSync(dataDir);
    chmodSync(dataDir, 0o777);
    const file = join(dataDir, name);
    writeFileSync(file, content);
    chmodSync(file, 0o666);
    copyFileSync(file, join(folder, 'before'));
    expect(await refusedLine(dataDir, 'duckdb')).toContain(name);
    expect(readFileSync(file).equals(readFileSync(join(folder, 'before')))).toBe(true);
  });
});

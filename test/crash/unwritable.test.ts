import {
  chmodSync,
  copyFileSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { entry } from '../../scripts/workshop/paths.mjs';
import { connectBytes, open } from '../conformance/client.ts';
import { freePort, runToEnd, startSonde } from '../tooling/index.ts';

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
    rmSync(folder, { recursive: true, force: true, maxRetries: 5, retryDelay: 200 });
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

describe('a history file that was good once and was damaged since', () => {
  let dataDir: string;
  let pristine: Buffer;
  beforeAll(async () => {
    dataDir = mkdtempSync(join(tmpdir(), 'sonde-damaged-'));
    const sonde = await startSonde({ dataDir, history: 'duckdb' });
    const client = await open(sonde.mqttPort, 4);
    client.send(connectBytes({ level: 4, id: 'before' }));
    await client.take('connack');
    for (let n = 0; n < 200; n++) await client.publish(`before/${n % 9}`, String(n), { qos: 1 });
    client.destroy();
    await sonde.stop();
    pristine = readFileSync(join(dataDir, 'history.duckdb'));
  });
  afterAll(() => rmSync(dataDir, { recursive: true, force: true, maxRetries: 5, retryDelay: 200 }));

  /** DuckDB's three headers are the first three blocks of 4 KiB; each larger block has a checksum. */
  it.each<readonly [string, (bytes: Buffer) => Buffer]>([
    ['its magic', (bytes) => bytes.fill(0xa5, 8, 12)],
    ['its headers', (bytes) => bytes.fill(0xa5, 4096, 4160).fill(0xa5, 8192, 8256)],
    ['a byte in each block', (bytes) => everyBlock(bytes)],
    ['its end, which is gone', (bytes) => bytes.subarray(0, 1000)],
    ['all of it, which is gone', () => Buffer.alloc(0)],
    [
      'all of it, which is something else',
      () => Buffer.from('this is no database, whatever its name says'.repeat(999)),
    ],
  ])('is kept, said to be damaged, and begun anew: %s', async (_, damage) => {
    const file = join(dataDir, 'history.duckdb');
    const damaged = damage(Buffer.from(pristine));
    writeFileSync(file, damaged);
    const before = new Set(readdirSync(dataDir));
    const sonde = await startSonde({ dataDir, history: 'duckdb', degraded: true });
    expect(sonde.log()).toMatch(/history is damaged/);
    const kept = readdirSync(dataDir).filter((name) => name.startsWith('history.duckdb.damaged-') && !before.has(name));
    expect(kept.map((name) => readFileSync(join(dataDir, name)).equals(damaged))).toEqual([true]);
    await sonde.stop();
    // The next start has nothing to say.
    const again = await startSonde({ dataDir, history: 'duckdb' });
    await again.stop();
  });
});

function everyBlock(bytes: Buffer): Buffer {
  for (let at = 3 * 4096 + 100; at < bytes.length; at += 256 * 1024) bytes[at] = (bytes[at] as number) ^ 0xff;
  return bytes;
}

import {
  appendFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { entry } from '../../scripts/workshop/paths.mjs';
import { sondeCommand, start, startSonde, waitFor } from '../tooling/index.ts';

let base: string;
beforeEach(() => {
  base = mkdtempSync(join(tmpdir(), 'sonde-backup-command-'));
});
afterEach(() => rmSync(base, { recursive: true, force: true, maxRetries: 5, retryDelay: 200 }));
const at = (name: string): string => join(base, name);

async function publish(url: string, value: number): Promise<void> {
  const body = JSON.stringify({ topic: 'a/b', payload: value, qos: 1 });
  const response = await fetch(`${url}/api/v1/publish`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body,
  });
  expect(response.status).toBe(202);
}

async function recorded(url: string): Promise<number[]> {
  const response = await fetch(`${url}/api/v1/points?topic=a%2Fb`);
  if (response.status === 404) return [];
  const { points } = (await response.json()) as { points: [string, number][] };
  return points.map(([, value]) => value);
}

it('a running Sonde is backed up, and the restored folder is started on', async () => {
  const sonde = await startSonde({ history: 'duckdb' });
  for (let n = 1; n <= 20; n++) await publish(sonde.url, n);
  await waitFor('the points', async () => (await recorded(sonde.url)).length === 20);
  const made = await sondeCommand(['backup', at('one'), '--url', sonde.url]);
  expect([made.code, made.stderr]).toEqual([0, '']);
  expect(made.stdout).toContain(`folder   ${at('one')}`);
  // The folder has something in it now; and one that cannot be made is refused, not waited for.
  for (const [folder, why] of [
    [at('one'), 'is not empty'],
    [at('absent/one'), 'ENOENT'],
  ] as const) {
    const refused = await sondeCommand(['backup', folder, '--url', sonde.url]);
    expect([refused.code, refused.stderr]).toEqual([1, expect.stringContaining(why)]);
  }
  await sonde.kill();

  const restored = await sondeCommand(['restore', at('one'), '--data', at('data')]);
  expect([restored.code, restored.stderr]).toEqual([0, '']);
  if (process.platform !== 'win32') {
    expect(statSync(at('data')).mode & 0o777).toBe(0o700);
    for (const name of ['tokens.json', 'history.duckdb']) expect(statSync(at(`data/${name}`)).mode & 0o777).toBe(0o600);
  }
  const again = await startSonde({ history: 'duckdb', dataDir: at('data') });
  await publish(again.url, 21);
  await waitFor('the points', async () => (await recorded(again.url)).length === 21);
  expect(await recorded(again.url)).toEqual(Array.from({ length: 21 }, (_, i) => i + 1));

  // Of its own accord it asks no Sonde of another data folder.
  const wrong = await fetch(`${again.url}/api/v1/backup`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ folder: at('two'), data: at('elsewhere') }),
  });
  expect(wrong.status).toBe(409);
  expect(existsSync(at('two'))).toBe(false);
  await again.stop();

  const atRest = await sondeCommand(['backup', at('two'), '--data', at('data')]);
  expect([atRest.code, atRest.stderr]).toEqual([0, '']);
  expect(readdirSync(at('two'))).toEqual(expect.arrayContaining(['backup.json', 'history.duckdb', 'tokens.json']));
}, 90_000);

it('a backup needs its owner, and a restore a whole backup and an empty folder', async () => {
  const sonde = await startSonde({ history: 'duckdb', anonymous: 'none' });
  const [key, secret] = ['owner-key-1', 'owner-secret-1'];
  for (const flags of [
    ['--key', key],
    ['--key', 'reader-key-1', '--read-only'],
  ])
    await sondeCommand(['token', 'create', ...flags, '--secret', secret, '--data', sonde.dataDir]);
  const backup = (who: string) => sondeCommand(['backup', at('one'), '--url', sonde.url.replace('://', `://${who}`)]);
  expect((await backup('')).stderr).toContain('wants a token');
  expect((await backup(`reader-key-1:${secret}@`)).stderr).toContain('neither topic rules nor read-only');
  expect(existsSync(at('one'))).toBe(false);
  expect((await backup(`${key}:${secret}@`)).code).toBe(0);
  await sonde.stop();

  const restore = async (from: string, data: string): Promise<string> => {
    const { code, stderr } = await sondeCommand(['restore', at(from), '--data', at(data)]);
    return code === 0 ? 'restored' : stderr;
  };
  expect(await restore('one', 'data')).toBe('restored');
  expect(await restore('one', 'data')).toContain('is not empty');
  expect(await restore('data', 'other')).toContain('is no backup of Sonde');
  appendFileSync(at('one/tokens.json'), ' ');
  expect(await restore('one', 'other')).toContain('tokens.json is not what it was');
  rmSync(at('one/tokens.json'));
  expect(await restore('one', 'other')).toContain('tokens.json is missing');
  expect(existsSync(at('other'))).toBe(false);
  // What a backup or a restore was killed in is not started on.
  writeFileSync(at('data/UNFINISHED'), '');
  const refused = await sondeCommand(['serve', '--data', at('data')]);
  expect([refused.code, refused.stderr]).toEqual([1, expect.stringContaining('was not finished')]);
}, 90_000);

it.skipIf(process.platform === 'win32')(
  'SIGTERM during a backup ends it: the half copy of the store is gone, who asked is told, and the folder is no backup',
  async () => {
    mkdirSync(at('data'));
    const sonde = await startSonde({ history: 'duckdb', dataDir: at('data') });
    for (let n = 1; n <= 20; n++) await publish(sonde.url, n);
    const asked = fetch(`${sonde.url}/api/v1/backup`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ folder: at('one') }),
    });
    // The child process that copies the table is beginning.
    await waitFor('the copy to begin', () => existsSync(at('one/store/table')));
    const since = performance.now();
    await sonde.stop();
    expect(performance.now() - since).toBeLessThan(5000);
    const answer = await asked;
    expect([answer.status, await answer.text()]).toEqual([409, expect.stringContaining('Sonde was stopped')]);
    expect(readdirSync(at('one/store'))).toEqual([]);
    expect((await sondeCommand(['restore', at('one'), '--data', at('two')])).stderr).toContain('is no backup of Sonde');
    await (await startSonde({ history: 'duckdb', dataDir: at('data') })).stop();
  },
  60_000,
);

it.skipIf(process.platform === 'win32')(
  'Ctrl-C during a backup of a folder at rest ends it soon, and what there is of it is no backup',
  async () => {
    mkdirSync(at('data'));
    const sonde = await startSonde({ history: 'duckdb', dataDir: at('data') });
    await publish(sonde.url, 1);
    await sonde.stop();
    writeFileSync(at('data/large.bin'), '');
    truncateSync(at('data/large.bin'), 1024 ** 3);
    // While the child process copies the store's table, and while a file is copied.
    for (const [folder, copied] of [
      ['one', 'store/table'],
      ['two', 'large.bin'],
    ] as const) {
      const backup = start(process.execPath, [entry, 'backup', at(folder), '--data', at('data')]);
      await waitFor('the copy to begin', () => existsSync(at(`${folder}/${copied}`)) || backup.hasExited());
      const since = performance.now();
      backup.signal('SIGINT');
      expect(await backup.exited).toEqual({ code: 1, signal: null });
      expect(performance.now() - since).toBeLessThan(5000);
      expect(backup.stderr()).toContain('Sonde was stopped during the backup. Remove the folder, and back up again.');
      expect(readdirSync(at(folder))).toContain('UNFINISHED');
      expect(existsSync(at(`${folder}/backup.json`))).toBe(false);
    }
    const check = await sondeCommand(['check', '--data', at('data')]);
    expect([check.code, check.stdout]).toEqual([0, expect.stringContaining('is sound')]);
  },
  60_000,
);

import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { clientsOf } from '../conformance/client.ts';
import { type RunningSonde, sondeCommand, startSonde, waitFor } from '../tooling/index.ts';
import { recorded } from './publishers.ts';

/** Files of a used data folder that are not there at a start. */
let dataDir: string;
let sonde: RunningSonde | null = null;
const clients = clientsOf(() => sonde?.mqttPort ?? 0);

beforeEach(() => {
  dataDir = mkdtempSync(join(tmpdir(), 'sonde-gone-'));
});
afterEach(async () => {
  clients.closeAll();
  await sonde?.kill();
  sonde = null;
  rmSync(dataDir, { recursive: true, force: true, maxRetries: 5 });
});

async function begin(degraded?: true): Promise<RunningSonde> {
  sonde = await startSonde({ dataDir, history: 'duckdb', ...(degraded === undefined ? {} : { degraded }) });
  return sonde;
}

async function publish(qos: 0 | 1, ...values: number[]): Promise<void> {
  const client = await clients.connect({ level: 4, id: 'publisher' });
  for (const value of values) await client.publish('t', String(value), { qos });
  client.destroy();
}

async function inHistory(...values: number[]): Promise<void> {
  const running = sonde as RunningSonde;
  await waitFor(`${values}`, async () => String(await recorded(running, 't')) === String(values)).catch(() => {});
  expect(await recorded(running, 't')).toEqual(values);
}

const GONE = /history\.duckdb is gone: history begins anew/;

describe('a history that is gone', () => {
  it.each<readonly [string, 'stop' | 'kill', 0 | 1, (name: string) => boolean]>([
    ['its file, after a stop', 'stop', 1, (name) => name === 'history.duckdb'],
    ['its file, after a kill: its log is left', 'kill', 1, (name) => name === 'history.duckdb'],
    ['its file and its log, after a kill', 'kill', 1, (name) => /^history\.duckdb(\.wal)?$/.test(name)],
    ['all of it', 'kill', 1, (name) => name.startsWith('history.duckdb')],
    ['all of it, where only QoS 0 was recorded', 'stop', 0, (name) => name.startsWith('history.duckdb')],
    ['all of it, and who notes that there was one', 'kill', 1, (name) => /^(history\.duckdb|RECORDED)/.test(name)],
  ])('is told of, and begun anew: %s', async (_what, end, qos, removed) => {
    const before = await begin();
    await publish(qos, 1, 2, 3);
    await inHistory(1, 2, 3);
    await before[end]();
    for (const name of readdirSync(dataDir).filter(removed)) rmSync(join(dataDir, name), { recursive: true });

    const after = await begin(true);
    expect(after.log()).toMatch(GONE);
    await publish(1, 4, 5);
    await inHistory(4, 5);
    await after.kill();
    // It is there again: nothing more to say, and nothing comes twice.
    const again = await begin();
    await publish(1, 6);
    await inHistory(4, 5, 6);
    await again.stop();
  });

  it('is named by sonde check, as a note: who removed it knows', async () => {
    await (await begin()).stop();
    rmSync(join(dataDir, 'history.duckdb'));
    const { code, stdout } = await sondeCommand(['check', '--data', dataDir]);
    expect(stdout).toContain(`note: ${join(dataDir, 'history.duckdb')}: it is gone`);
    expect(code).toBe(0);
  });

  it('is no matter where history is off, nor where it never was on', async () => {
    sonde = await startSonde({ dataDir });
    await sonde.stop();
    expect(existsSync(join(dataDir, 'RECORDED'))).toBe(false);
    await (await begin()).stop();
    rmSync(join(dataDir, 'history.duckdb'));
    sonde = await startSonde({ dataDir });
    expect(sonde.log()).not.toMatch(/is gone/);
    await sonde.stop();
    expect((await begin(true)).log()).toMatch(GONE);
  });
});

it('a token file that is gone: it is told of, a first token is made, and the file may be put back', async () => {
  await (await begin()).stop();
  const made = await sondeCommand([
    'token',
    'create',
    '--key',
    'the-device',
    '--secret',
    'its-secret',
    '--data',
    dataDir,
  ]);
  expect(made.code).toBe(0);
  const file = join(dataDir, 'tokens.json');
  const tokens = readFileSync(file);
  rmSync(file);
  const check = await sondeCommand(['check', '--data', dataDir]);
  expect(check.stdout).toContain(`damaged: ${join(dataDir, 'tokens.json')}: it is gone`);
  expect(check.code).toBe(1);

  const after = await begin(true);
  const told = /tokens\.json is gone: the tokens that were made before are not known any more, and a new one was made/;
  expect(after.log()).toMatch(told);
  expect(after.log()).toMatch(/user \w+, password \w+ \(shown this once\)/);
  writeFileSync(file, tokens);
  const signIn = { level: 4, id: 'device', username: 'the-device', password: 'its-secret' } as const;
  await waitFor('the token to be known', async () => (await clients.connect(signIn)) !== null);
  await after.stop();
  // The next start knows the file that the last one made.
  expect((await begin()).log()).not.toMatch(/is gone/);
});

import { mkdirSync, mkdtempSync, readdirSync, rmSync, statSync, truncateSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { clientsOf } from '../conformance/client.ts';
import { type RunningSonde, sondeCommand, startSonde, waitFor } from '../tooling/index.ts';
import { recorded } from './publishers.ts';

/** What a backup and a restore make of history's file, and of none. */
let base: string;
let sonde: RunningSonde | null = null;
const clients = clientsOf(() => sonde?.mqttPort ?? 0);
beforeEach(() => {
  base = mkdtempSync(join(tmpdir(), 'sonde-restored-'));
  mkdirSync(join(base, 'data'));
});
afterEach(async () => {
  clients.closeAll();
  await sonde?.kill();
  sonde = null;
  rmSync(base, { recursive: true, force: true, maxRetries: 5 });
});
const at = (name: string): string => join(base, name);

async function done(...command: string[]): Promise<void> {
  const { code, stderr } = await sondeCommand(command);
  expect([code, stderr]).toEqual([0, '']);
}

it('a restored history that was cut to nothing is told of and kept', async () => {
  sonde = await startSonde({ history: 'duckdb', dataDir: at('data') });
  const running = sonde;
  const client = await clients.connect({ level: 4, id: 'publisher' });
  await client.publish('t', '1', { qos: 1 });
  await waitFor('the point', async () => (await recorded(running, 't')).length === 1);
  await sonde.stop();
  await done('backup', at('backup'), '--data', at('data'));
  await done('restore', at('backup'), '--data', at('restored'));
  truncateSync(at('restored/history.duckdb'), 0);
  const check = await sondeCommand(['check', '--data', at('restored')]);
  expect([check.code, check.stdout]).toEqual([1, expect.stringContaining('damaged: ')]);

  sonde = await startSonde({ history: 'duckdb', dataDir: at('restored'), degraded: true });
  expect(sonde.log()).toMatch(/history\.duckdb.*history begins anew|history begins anew.*history\.duckdb/s);
  const names = readdirSync(at('restored'));
  const kept = names.find((name) => name.startsWith('history.duckdb.damaged-')) ?? '';
  expect(statSync(at(`restored/${kept}`)).size).toBe(0);
  await sonde.stop();
});

it('a backup of a folder without a history has none, and what is restored of it starts without a word', async () => {
  sonde = await startSonde({ dataDir: at('data') });
  await done('backup', at('running'), '--url', sonde.url);
  await sonde.stop();
  await done('backup', at('at rest'), '--data', at('data'));
  for (const backup of ['running', 'at rest']) {
    const restored = `${backup} restored`;
    await done('restore', at(backup), '--data', at(restored));
    for (const folder of [backup, restored])
      expect(readdirSync(at(folder)).filter((name) => name.startsWith('history.'))).toEqual([]);
    sonde = await startSonde({ history: 'duckdb', dataDir: at(restored) });
    expect(sonde.log()).not.toMatch(/damaged|is gone/);
    await sonde.stop();
  }
});

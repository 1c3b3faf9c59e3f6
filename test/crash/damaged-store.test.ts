import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { connectBytes, open } from '../conformance/client.ts';
import { sondeCommand, startSonde, waitFor } from '../tooling/index.ts';

/** Damage that is done to a data folder between two runs of the program. */
describe.each(['stopped', 'killed'] as const)('a data folder that was damaged after Sonde was %s', (end) => {
  let whole: string;
  const folders: string[] = [];
  beforeAll(async () => {
    whole = mkdtempSync(join(tmpdir(), 'sonde-damage-'));
    folders.push(whole);
    const sonde = await startSonde({ dataDir: whole });
    const client = await open(sonde.mqttPort, 4);
    client.send(connectBytes({ level: 4, id: 'before' }));
    await client.take('connack');
    for (let n = 0; n < 300; n++) {
      await client.publish(`kept/${n}`, Buffer.alloc(200, String(n)).toString(), { qos: 1, retain: true });
    }
    client.destroy();
    // The table follows the log within a second.
    if (end === 'killed') {
      await waitForTable(join(whole, 'store', 'table', 'data.mdb'));
      await sonde.kill();
    } else await sonde.stop();
  });
  afterAll(() => {
    for (const folder of folders) rmSync(folder, { recursive: true, force: true, maxRetries: 5, retryDelay: 200 });
  });

  function copyOf(): string {
    const copy = mkdtempSync(join(tmpdir(), 'sonde-damage-'));
    folders.push(copy);
    cpSync(whole, copy, { recursive: true });
    return copy;
  }

  it.each<readonly [string, string, (file: string) => void]>([
    ['the table is cut in half', 'table/data.mdb', (file) => truncateSync(file, statSync(file).size / 2)],
    ['pages of the table are junk', 'table/data.mdb', (file) => junk(file, 3 * 4096, 9 * 4096)],
    ['both first pages of the table are junk', 'table/data.mdb', (file) => junk(file, 0, 8192)],
    ['the first segment has lost its header', 'log/0001.seg', (file) => junk(file, 0, 64)],
    ['the first segment is cut off', 'log/0001.seg', (file) => truncateSync(file, 6000)],
    ['FORMAT is empty', 'FORMAT', (file) => writeFileSync(file, '')],
  ])('is told of, kept, and started with: %s', async (_what, name, damage) => {
    const dataDir = copyOf();
    damage(join(dataDir, 'store', name));
    const check = await sondeCommand(['check', '--data', dataDir]);
    expect(check.code).toBe(1);
    expect(check.stdout).toContain(join(dataDir, 'store', name));

    const sonde = await startSonde({ dataDir, degraded: true });
    expect(sonde.log()).toMatch(/the store is damaged/);
    const found = readFileSync(join(dataDir, 'store', 'damaged', 'found.jsonl'), 'utf8');
    expect(found.split('\n').length).toBeGreaterThan(1);
    const client = await open(sonde.mqttPort, 4);
    client.send(connectBytes({ level: 4, id: 'after' }));
    await client.take('connack');
    await client.publish('after', 'x', { qos: 1, retain: true });
    client.destroy();
    await sonde.stop();
    expect(readdirSync(join(dataDir, 'store', 'damaged')).length).toBeGreaterThan(0);
  });

  it('with nothing done to it is sound', async () => {
    const dataDir = copyOf();
    expect((await sondeCommand(['check', '--data', dataDir])).code).toBe(0);
    const sonde = await startSonde({ dataDir });
    await sonde.stop();
  });
});

function junk(file: string, from: number, to: number): void {
  const bytes = readFileSync(file);
  for (let at = from; at < Math.min(to, bytes.length); at++) bytes[at] = (at * 37 + 11) & 0xff;
  writeFileSync(file, bytes);
}

async function waitForTable(file: string): Promise<void> {
  await waitFor('the table', async () => statSync(file).size > 100_000, 20_000);
}

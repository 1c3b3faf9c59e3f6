import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type Client, clientsOf, publishBytes } from '../conformance/client.ts';
import { type RunningSonde, requireTool, startSonde, waitFor } from '../tooling/index.ts';
import { buildFaultyDisk, EIO, type FaultyDisk, TOOLS } from './faults/disk-fault.ts';

const MIB = 1024 * 1024;
const BOUND = 2 * MIB;
const MESSAGES = 3000;

describe.skipIf(process.platform !== 'linux')('a publisher that outruns the disk', () => {
  requireTool(...TOOLS);
  let scratch: string;
  let disk: FaultyDisk;
  let sonde: RunningSonde;
  const clients = clientsOf(() => sonde.mqttPort);

  beforeEach(async () => {
    scratch = mkdtempSync(join(tmpdir(), 'sonde-outrun-'));
    const dataDir = join(scratch, 'data');
    mkdirSync(dataDir);
    disk = await buildFaultyDisk(scratch, join(dataDir, 'store'));
    const args = ['--limit', `maxUnsyncedBytes=${BOUND}`];
    sonde = await startSonde({ dataDir, history: 'off', env: disk.env, args });
  });
  afterEach(async () => {
    clients.closeAll();
    disk.end();
    await sonde.kill();
    rmSync(scratch, { recursive: true, force: true, maxRetries: 5 });
  });

  async function gauge(name: string): Promise<number> {
    const text = await (await fetch(`${sonde.url}/metrics`)).text();
    return Number(new RegExp(`^${name} (\\d+)$`, 'm').exec(text)?.[1]);
  }

  async function taken(client: Client, count: number): Promise<void> {
    for (let n = 0; n < count; n++) await client.take('puback', 20_000);
  }

  it.each([
    ['slow', 'sync slow 700'],
    ['broken', `sync fail ${EIO}`],
  ])('is read more slowly while it is %s: what waits has a bound, and others go on', async (_, fault) => {
    const away = await clients.connect({ level: 4, id: 'away', clean: false });
    await away.subscribe('kept/#', 1);
    away.destroy();
    disk.begin(fault);
    // Before 5.0 nothing bounds what a client has under way.
    const flood = await clients.connect({ level: 4, id: 'flood' });
    const payload = Buffer.alloc(10_000, 1);
    for (let id = 1; id <= MESSAGES; id++) flood.send(publishBytes(4, 'kept/a', payload, { qos: 1, id }));
    await waitFor('the publisher to be held', async () => (await gauge('sonde_publishers_waiting')) === 1, 10_000);
    const live = await clients.connect({ level: 4, id: 'live' });
    await live.subscribe('live/#', 0);
    let most = 0;
    for (let n = 0; n < 20; n++) {
      live.send(publishBytes(4, 'live/a', `${n}`));
      await live.take('publish', 1000);
      most = Math.max(most, await gauge('sonde_store_unsynced_bytes'));
    }
    expect(most).toBeGreaterThan(BOUND / 2);
    expect(most).toBeLessThan(BOUND + 2 * MIB);
    disk.end();
    await taken(flood, MESSAGES);
    expect(await gauge('sonde_publishers_waiting')).toBe(0);
    expect(await gauge('sonde_queued_messages')).toBe(MESSAGES);
  });
});

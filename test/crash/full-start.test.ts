import {
  closeSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  rmSync,
  statfsSync,
  writeSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { clientsOf, publishBytes } from '../conformance/client.ts';
import { type RunningSonde, requireTool, runToEnd, sondeCommand, startSonde, waitFor } from '../tooling/index.ts';
import { buildFaultyDisk, ENOSPC, type FaultyDisk, TOOLS } from './faults/disk-fault.ts';
import { health, historyPid, recorded } from './publishers.ts';

const MIB = 1024 * 1024;

let scratch: string;
let data: string;
let mounted = false;
let sonde: RunningSonde | null = null;
const clients = clientsOf(() => sonde?.mqttPort ?? 0);

beforeEach(() => {
  scratch = mkdtempSync(join(tmpdir(), 'sonde-full-'));
  data = join(scratch, 'data');
  mkdirSync(data);
});
afterEach(async () => {
  clients.closeAll();
  await sonde?.kill();
  sonde = null;
  if (mounted) await runToEnd('umount', ['-l', data]);
  mounted = false;
  rmSync(scratch, { recursive: true, force: true, maxRetries: 5 });
});

/** To the last block. */
function fillDisk(): string {
  const filled = join(data, 'somebody-elses');
  const handle = openSync(filled, 'w');
  const piece = Buffer.alloc(MIB, 1);
  for (let bytes = piece.length; bytes >= 4096; ) {
    try {
      writeSync(handle, piece, 0, bytes);
    } catch {
      bytes /= 2;
    }
  }
  closeSync(handle);
  expect(statfsSync(data).bavail).toBe(0);
  return filled;
}

/** Free files of the log: the start needs one, and has to make it. */
function removeSpares(): void {
  const log = join(data, 'store', 'log');
  for (const name of readdirSync(log)) {
    if (
      readFileSync(join(log, name))
        .subarray(0, 4096)
        .every((byte) => byte === 0)
    )
      rmSync(join(log, name));
  }
}

async function useAndKill(): Promise<void> {
  sonde = await startSonde({ dataDir: data, history: 'duckdb' });
  const keeper = await clients.connect({ level: 4, id: 'keeper', clean: false });
  await keeper.subscribe('a/#', 1);
  keeper.destroy();
  const before = await clients.connect({ level: 4, id: 'before' });
  for (let n = 0; n < 100; n++) await before.publish(`a/${n % 3}`, String(n), { qos: 1, retain: n < 3 });
  await waitFor('history', async () => sonde !== null && (await recorded(sonde, 'a/0')).length === 34);
  await waitFor('the ballast', () => readdirSync(data).includes('BALLAST'));
  await killBoth(sonde);
}

/** Until its history process is gone too, which closes its database when nobody asks it any more. */
async function killBoth(running: RunningSonde): Promise<void> {
  const pid = await historyPid(running);
  await running.kill();
  await waitFor("the end of history's process", () => !existsSync(`/proc/${pid}`), 20_000);
}

it.runIf(process.platform === 'linux')(
  'starts on a disk that is full, reads, holds publishers, says so, and resumes by itself',
  async (context) => {
    const { code } = await runToEnd('mount', ['-t', 'tmpfs', '-o', `size=${200 * MIB}`, 'tmpfs', data]);
    if (code !== 0) return context.skip('a small tmpfs cannot be mounted here: only root may');
    mounted = true;
    await useAndKill();
    removeSpares();
    const filled = fillDisk();

    sonde = await startSonde({ dataDir: data, history: 'duckdb', degraded: true });
    expect(sonde.log()).toMatch(/the disk is full: Sonde starts with the room that it had set aside/);
    expect(sonde.log()).toMatch(/the disk is nearly full/);
    expect(await recorded(sonde, 'a/0')).toHaveLength(34);
    expect((await fetch(`${sonde.url}/`)).status).toBe(200);
    const publisher = await clients.connect({ level: 4, id: 'publisher' });
    publisher.send(publishBytes(4, 'a/0', 'held', { qos: 1, id: 1 }));
    await expect(publisher.take('puback', 500)).rejects.toThrow('waited 500 ms');
    // What is there is given out.
    const live = await clients.connect({ level: 4, id: 'live' });
    await live.subscribe('a/+', 0);
    for (let n = 0; n < 3; n++) await live.take('publish');

    // Killed while it is full: there is nothing more to give up, and nothing more is needed.
    await sonde.kill();
    sonde = await startSonde({ dataDir: data, history: 'duckdb', degraded: true });
    const again = await clients.connect({ level: 4, id: 'publisher' });
    again.send(publishBytes(4, 'a/0', 'held', { qos: 1, id: 1, dup: true }));
    await expect(again.take('puback', 500)).rejects.toThrow('waited 500 ms');
    rmSync(filled);
    await again.take('puback', 10_000);
    await waitFor('/health to be ok', async () => sonde !== null && (await health(sonde)) === 'ok', 10_000);
    await waitFor('the ballast', () => readdirSync(data).includes('BALLAST'), 15_000);

    // Nobody's room: the start says how much it needs.
    await sonde.kill();
    rmSync(join(data, 'BALLAST'));
    fillDisk();
    const refused = await sondeCommand(['serve', '--data', data, '--mqtt', '127.0.0.1:0', '--http', 'off']);
    expect(refused.code).toBe(1);
    expect(refused.stderr.trim().split('\n')).toEqual([
      expect.stringMatching(/is full: 262144 bytes more must be free/),
    ]);
  },
);

it.runIf(process.platform === 'linux')(
  'sonde check looks at a folder on a full or a read-only disk, and not at one that a Sonde uses',
  async (context) => {
    const { code } = await runToEnd('mount', ['-t', 'tmpfs', '-o', `size=${200 * MIB}`, 'tmpfs', data]);
    if (code !== 0) return context.skip('a small tmpfs cannot be mounted here: only root may');
    mounted = true;
    await useAndKill();
    fillDisk();
    const check = () => sondeCommand(['check', '--data', data]);
    const sound = {
      code: 0,
      stdout: expect.stringMatching(
        /^note: .* was looked at without its lock.*\ntokens: 1\nstore: \d+ segments with \d+ queued messages, \d+ values in the table\nhistory: 100 points/,
      ),
    };
    const refused = { code: 2, stdout: '', stderr: expect.stringContaining('is in use by process') };
    const before = readdirSync(data);
    expect(await check()).toMatchObject(sound);
    expect(readdirSync(data)).toEqual(before);
    sonde = await startSonde({ dataDir: data, history: 'duckdb', degraded: true });
    fillDisk();
    expect(await check()).toMatchObject(refused);
    await killBoth(sonde);
    const readOnly = async (): Promise<boolean> => (await runToEnd('mount', ['-o', 'remount,ro', data])).code === 0;
    await waitFor('a read-only disk', readOnly, 15_000);
    expect(await check()).toMatchObject(sound);
  },
);

it.runIf(process.platform === 'linux')(
  'starts while the table cannot be written: what it lacks is read from the log',
  async () => {
    requireTool(...TOOLS);
    const disk: FaultyDisk = await buildFaultyDisk(scratch, join(data, 'store', 'table', 'data.mdb'));
    sonde = await startSonde({ dataDir: data });
    disk.begin(`write fail ${ENOSPC}`);
    const before = await clients.connect({ level: 4, id: 'before' });
    await before.publish('kept', 'x', { qos: 1, retain: true });
    await sonde.kill();
    sonde = await startSonde({ dataDir: data, env: disk.env });
    expect(sonde.log()).toMatch(/the table of the store cannot be written/);
    const live = await clients.connect({ level: 4, id: 'live' });
    await live.subscribe('kept', 0);
    expect((await live.take('publish')).payload.toString()).toBe('x');
    disk.end();
    await sonde.stop();
  },
);

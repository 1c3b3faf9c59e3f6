import { mkdirSync, mkdtempSync, rmSync, statfsSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { clientsOf, PINGREQ, publishBytes } from '../conformance/client.ts';
import { type RunningSonde, runToEnd, startSonde, waitFor } from '../tooling/index.ts';
import { health } from './publishers.ts';

const MIB = 1024 * 1024;

/** A small disk, of which a quarter is the reserve: 50 MiB. */
describe.skipIf(process.platform !== 'linux')('on a small disk that fills up', () => {
  let scratch: string;
  let data: string;
  let mounted = false;
  let sonde: RunningSonde | null = null;
  const clients = clientsOf(() => sonde?.mqttPort ?? 0);

  beforeEach(() => {
    scratch = mkdtempSync(join(tmpdir(), 'sonde-reserve-'));
    data = join(scratch, 'data');
    mkdirSync(data);
  });
  afterEach(async () => {
    clients.closeAll();
    await sonde?.kill();
    if (mounted) await runToEnd('umount', ['-l', data]);
    mounted = false;
    rmSync(scratch, { recursive: true, force: true, maxRetries: 5 });
  });

  it('starts; below the reserve what has to be kept waits, all else goes on, and it resumes by itself', async (context) => {
    const { code } = await runToEnd('mount', ['-t', 'tmpfs', '-o', `size=${200 * MIB}`, 'tmpfs', data]);
    if (code !== 0) return context.skip('a small tmpfs cannot be mounted here: only root may');
    mounted = true;
    sonde = await startSonde({ dataDir: data, history: 'duckdb' });
    expect(await health(sonde)).toBe('ok');
    const recorded = await clients.connect({ level: 4, id: 'recorded' });
    recorded.send(publishBytes(4, 'a', 'before', { qos: 1, id: 1 }));
    await recorded.take('puback');

    const ballast = join(data, 'ballast');
    const { bavail, bsize } = statfsSync(data);
    writeFileSync(ballast, Buffer.alloc(bavail * bsize - 30 * MIB, 1));
    await waitFor('the disk to be low', async () => sonde !== null && (await health(sonde)) === 'degraded', 10_000);
    recorded.send(publishBytes(4, 'a', 'waits', { qos: 1, id: 2 }));
    // What needs no room goes on.
    const live = await clients.connect({ level: 4, id: 'live' });
    await live.subscribe('$live/#', 0);
    live.send(publishBytes(4, '$live/a', 'still here'));
    await live.take('publish');
    const answers = await Promise.all(
      ['/api/v1/clients', '/metrics', '/api/v1/series'].map((path) => fetch(`${sonde?.url}${path}`)),
    );
    expect(answers.map(({ status }) => status)).toEqual([200, 200, 200]);
    const metrics = (await answers[1]?.text()) ?? '';
    expect(Number(/^sonde_disk_reserve_bytes (\d+)$/m.exec(metrics)?.[1])).toBe(50 * MIB);
    expect(Number(/^sonde_disk_free_bytes (\d+)$/m.exec(metrics)?.[1])).toBeLessThan(50 * MIB);
    expect(metrics).toMatch(/^sonde_publishers_waiting 1$/m);
    live.send(PINGREQ);
    await live.take('pingresp');
    await expect(recorded.take('puback', 300)).rejects.toThrow('waited 300 ms');

    rmSync(ballast);
    await recorded.take('puback', 10_000);
    expect(await health(sonde)).toBe('ok');
  });

  it('stops in good order while it is below the reserve', async (context) => {
    const { code } = await runToEnd('mount', ['-t', 'tmpfs', '-o', `size=${200 * MIB}`, 'tmpfs', data]);
    if (code !== 0) return context.skip('a small tmpfs cannot be mounted here: only root may');
    mounted = true;
    sonde = await startSonde({ dataDir: data, history: 'off' });
    const { bavail, bsize } = statfsSync(data);
    writeFileSync(join(data, 'ballast'), Buffer.alloc(bavail * bsize - 30 * MIB, 1));
    await waitFor('the disk to be low', async () => sonde !== null && (await health(sonde)) === 'degraded', 10_000);
    const sinceMs = performance.now();
    sonde.process.signal('SIGTERM');
    expect(await sonde.process.exited).toMatchObject({ code: 0 });
    expect(performance.now() - sinceMs).toBeLessThan(5000);
    sonde = null;
  });
});

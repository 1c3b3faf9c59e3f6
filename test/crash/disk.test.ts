import { mkdirSync, mkdtempSync, readdirSync, rmSync, statfsSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { clientsOf, PINGREQ, publishBytes } from '../conformance/client.ts';
import { randomOf } from '../fuzz/random.ts';
import { type RunningSonde, requireTool, runToEnd, startSonde, waitFor } from '../tooling/index.ts';
import { buildFaultyDisk, EIO, ENOSPC, EROFS, type FaultyDisk, TOOLS } from './faults/disk-fault.ts';
import { checkDelivery, checkHistory, untilDrained } from './harness/checks.ts';
import { createReceipts } from './harness/ledger.ts';
import { createPublisher, type Publisher } from './harness/publisher.ts';
import { newRunState, type RunState } from './harness/run-state.ts';
import { createSubscriber, type Subscriber } from './harness/subscriber.ts';
import { health } from './publishers.ts';

/** How long the disk is broken. */
const FAULT_MS = 2500;
/** What was synced before it broke is acknowledged by then. */
const GRACE_MS = 300;
/** The store tries again each second; clients come back within that. */
const RECOVERY_MS = 15_000;

/** The disk is to be full in earnest. */
const NO_RESERVE = ['--limit', 'diskReserveBytes=0', '--limit', 'diskReservePercent=0'];

const FAULTS: readonly (readonly [string, readonly string[]])[] = [
  ['EIO of each sync', [`sync fail ${EIO}`]],
  ['EIO of each write and sync', [`write fail ${EIO}`, `sync fail ${EIO}`]],
  ['full', [`write fail ${ENOSPC}`]],
  ['read-only', [`write fail ${EROFS}`, `sync fail ${EROFS}`, `open fail ${EROFS}`]],
];

describe.skipIf(process.platform !== 'linux')('while the disk is broken', () => {
  requireTool(...TOOLS);
  let scratch: string;
  let disk: FaultyDisk;
  let sonde: RunningSonde;
  /** Sonde is not to end now. */
  let wanted = true;
  let run: RunState;
  let mounted: string | null = null;
  let publishers: Publisher[];
  let keepers: Subscriber[];
  let timer: NodeJS.Timeout;
  const clients = clientsOf(() => sonde.mqttPort);

  beforeEach(() => {
    wanted = true;
    scratch = mkdtempSync(join(tmpdir(), 'sonde-disk-'));
    mkdirSync(join(scratch, 'data'));
  });
  afterEach(async () => {
    clearInterval(timer);
    for (const { peer } of [...publishers, ...keepers]) peer.leave('cut');
    clients.closeAll();
    disk.end();
    await sonde.kill();
    if (mounted !== null) await runToEnd('umount', ['-l', mounted]);
    mounted = null;
    rmSync(scratch, { recursive: true, force: true, maxRetries: 5 });
  });

  const serve = (history: 'duckdb' | 'off', ports = {}): Promise<RunningSonde> =>
    startSonde({ dataDir: join(scratch, 'data'), history, env: disk.env, args: NO_RESERVE, ...ports });

  /** Killed, and started on a disk that is well. */
  async function again(ports: { readonly mqttPort: number; readonly httpPort: number }): Promise<void> {
    wanted = false;
    await sonde.kill();
    disk.end();
    sonde = await serve('off', ports);
    wanted = true;
  }

  /** Publishers at QoS 1 and 2, a persistent subscriber of each; of `folder` within the data folder the disk will break. */
  async function begin(history: 'duckdb' | 'off', folder: string, pad = 0): Promise<void> {
    disk = await buildFaultyDisk(scratch, join(scratch, 'data', folder));
    sonde = await serve(history);
    run = newRunState(sonde.mqttPort, randomOf(1), null, () => (wanted ? sonde.pid : null));
    publishers = [1, 2].map((qos) =>
      createPublisher(run, {
        name: `publisher-${qos}`,
        topic: `load/publisher-${qos}`,
        qos: qos as 1 | 2,
        level: 4,
        perSecond: 100,
        resends: true,
        window: 50,
        pad,
      }),
    );
    const streamOf = (topic: string) => publishers.find(({ stream }) => stream.topic === topic)?.stream;
    keepers = ([1, 2] as const).map((qos) => {
      const name = `keeper-${qos}`;
      const receipts = createReceipts(run, name, qos, true);
      return createSubscriber(run, { name, level: 4, filter: 'load/#', receipts, holdOneIn: 0 }, streamOf);
    });
    timer = setInterval(() => {
      for (const one of [...publishers, ...keepers]) one.pump(performance.now());
    }, 5);
    for (const { peer } of keepers) peer.come();
    await waitFor('the subscriptions', () => keepers.every((one) => one.isSubscribed()));
    // One of them is there while the disk breaks, one is not.
    keepers[0]?.peer.leave('disconnect');
    for (const { peer } of publishers) peer.come();
    await untilAcknowledged(50, 0);
  }

  /** `degraded`, or an exception with what Sonde said when it is gone. */
  async function expectDegraded(): Promise<void> {
    if (sonde.process.hasExited()) throw new Error(`Sonde ended; it said:\n${sonde.log()}`);
    expect(await health(sonde)).toBe('degraded');
  }

  async function untilOk(withinMs: number): Promise<void> {
    await waitFor('/health to be ok', async () => (await health(sonde)) === 'ok', withinMs).catch((error: unknown) => {
      throw new Error(`Sonde said:\n${sonde.log()}`, { cause: error });
    });
  }

  const acknowledged = (): readonly number[] => publishers.map(({ stream }) => stream.acknowledged());
  const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

  async function untilAcknowledged(more: number, sinceMs: number): Promise<void> {
    const before = acknowledged();
    await waitFor(
      `${more} more acknowledgements of each publisher`,
      () => acknowledged().every((count, n) => count >= (before[n] ?? 0) + more),
      RECOVERY_MS - sinceMs,
    );
  }

  /** Nothing is published any more, everybody has come: what was acknowledged is there. */
  async function expectNothingLost(): Promise<void> {
    for (const one of publishers) one.setActive(false);
    for (const { peer } of keepers) peer.come();
    await waitFor('the last acknowledgement', () => publishers.every((one) => one.underWay() === 0), RECOVERY_MS);
    const receipts = keepers.map((one) => one.receipts);
    await untilDrained({ publishers, receipts, subscribers: keepers }, 1000);
    checkDelivery(run, { publishers, receipts });
    expect(Object.fromEntries(run.faults)).toEqual({});
  }

  it.each(FAULTS)(
    '%s, the store: nobody is acknowledged, Sonde lives and says so, and goes on by itself',
    async (_, lines) => {
      await begin('off', 'store');
      disk.begin(...lines);
      await sleep(GRACE_MS);
      const before = acknowledged();
      await sleep(FAULT_MS);
      expect(acknowledged()).toEqual(before);
      await expectDegraded();
      // What needs no disk goes on.
      const live = await clients.connect({ level: 4, id: 'live' });
      live.send(PINGREQ);
      await live.take('pingresp', 500);
      await live.subscribe('live/#', 0);
      live.send(publishBytes(4, 'live/a', 'still here'));
      await live.take('publish', 2000);
      disk.end();
      await untilAcknowledged(20, 0);
      await untilOk(RECOVERY_MS);
      // And it is on disk.
      const { mqttPort, httpPort } = sonde;
      await again({ mqttPort, httpPort });
      await expectNothingLost();
    },
  );

  it.each(FAULTS.slice(1, 3))(
    '%s, also under history: each message is recorded once when it is over',
    async (_, lines) => {
      await begin('duckdb', '');
      disk.begin(...lines);
      await sleep(GRACE_MS);
      const before = acknowledged();
      await sleep(FAULT_MS);
      expect(acknowledged()).toEqual(before);
      expect(await health(sonde)).toBe('degraded');
      disk.end();
      await untilAcknowledged(20, 0);
      await untilOk(2 * RECOVERY_MS);
      await expectNothingLost();
      const untilMs = performance.now() + RECOVERY_MS;
      for (const { stream } of publishers) await checkHistory(run, sonde.url, stream, [], untilMs);
      expect(Object.fromEntries(run.faults)).toEqual({});
    },
  );

  it('killed while the disk is broken: what was acknowledged before is there', async () => {
    await begin('off', 'store');
    disk.begin(`sync fail ${EIO}`, `write fail ${EIO}`);
    await sleep(FAULT_MS);
    const { mqttPort, httpPort } = sonde;
    await again({ mqttPort, httpPort });
    await expectNothingLost();
  });

  it('told to stop while the disk is broken: it ends within 5 s', async () => {
    await begin('off', 'store');
    disk.begin(`sync fail ${EIO}`, `write fail ${EIO}`);
    await sleep(GRACE_MS);
    const sinceMs = performance.now();
    wanted = false;
    sonde.process.signal('SIGTERM');
    const exit = await Promise.race([sonde.process.exited, sleep(12_000)]);
    expect(exit, sonde.log()).toMatchObject({ signal: null });
    expect(performance.now() - sinceMs).toBeLessThan(5000);
  });

  it('a segment that cannot be begun: no file is left behind for each try', async () => {
    await begin('off', 'store', 20_000);
    const segments = (): number => readdirSync(join(scratch, 'data', 'store', 'log')).length;
    disk.begin(`write fail ${EIO}`);
    await sleep(FAULT_MS);
    const before = segments();
    await sleep(FAULT_MS);
    expect(segments()).toBeLessThanOrEqual(before + 1);
    disk.end();
    // 16 MiB in messages of 20 kB: the log goes on in another segment.
    await untilAcknowledged(20, 0);
    await expectNothingLost();
  });

  it('full, a real one: nobody is acknowledged until there is room again', async (context) => {
    const data = join(scratch, 'data');
    const size = 72 * 1024 * 1024;
    // Only root may mount, and not in every container.
    const { code } = await runToEnd('mount', ['-t', 'tmpfs', '-o', `size=${size}`, 'tmpfs', data]);
    if (code !== 0) return context.skip('a small tmpfs cannot be mounted here: only root may');
    mounted = data;
    await begin('off', 'store', 20_000);
    const ballast = join(data, 'ballast');
    const { bavail, bsize } = statfsSync(data);
    // Room for a part of a segment that has to be made anew.
    writeFileSync(ballast, Buffer.alloc(Math.max(0, bavail * bsize - 4 * 1024 * 1024), 1));
    await waitFor('the disk to be full', async () => (await health(sonde)) === 'degraded', 30_000);
    const before = acknowledged();
    await sleep(FAULT_MS);
    expect(acknowledged()).toEqual(before);
    rmSync(ballast);
    await untilAcknowledged(20, 0);
    await untilOk(RECOVERY_MS);
    await expectNothingLost();
  });

  it('slow (1 s a sync): acknowledgements come late, and all else goes on', async () => {
    await begin('off', 'store');
    disk.begin('sync slow 1000');
    await sleep(2500);
    const live = await clients.connect({ level: 4, id: 'live' });
    for (let n = 0; n < 20; n++) {
      live.send(PINGREQ);
      await live.take('pingresp', 200);
      await sleep(50);
    }
    await untilAcknowledged(20, 0);
    disk.end();
    await expectNothingLost();
  });
});

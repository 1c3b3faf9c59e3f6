import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { waitFor } from '../../tooling/index.ts';
import type { Killer } from './killer.ts';
import type { Load } from './load.ts';
import type { Run } from './run-state.ts';
import type { Server } from './server.ts';

/** What a kill needs. */
export type Scene = {
  readonly run: Run;
  readonly server: Server;
  readonly killer: Killer;
  readonly load: Load;
  /** An end of Sonde of which QoS 0 may be missing what came after this `performance.now()`. */
  readonly ended: (atMs: number, qos0SinceMs: number) => void;
  readonly folder: string;
  readonly qos0WindowMs: number;
};

/** One way to end a process; Sonde is ready before, and is started or on its way up afterwards. */
export type Kill = {
  readonly name: string;
  /** How often it comes, in parts. */
  readonly weight: number;
  readonly work: (scene: Scene, cycle: number) => Promise<void>;
};

const STARTUP_MS = 1500;
/** Steps of the sweep: a commit takes some hundred microseconds to some milliseconds. */
const SWEEP_US = 150;
const SWEEP_STEPS = 60;

const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

/** Of QoS 0, what came before this `performance.now()` has to be in history after a kill from now on: so Sonde says. */
async function committedMs({ server, qos0WindowMs }: Scene): Promise<number> {
  const askedMs = performance.now();
  return askedMs - (await server.behindMs()) - qos0WindowMs;
}

async function killServer(scene: Scene, afterUs: number, qos0SinceMs?: number): Promise<void> {
  const { server, killer, ended } = scene;
  const sinceMs = qos0SinceMs ?? (await committedMs(scene));
  const atMs = await killer.killAfter(server.pid(), afterUs);
  await server.exited();
  ended(atMs, sinceMs);
}

async function killHistory({ server, killer }: Scene, afterUs: number): Promise<number | null> {
  const pid = server.historyPid();
  if (pid !== null) await killer.killAfter(pid, afterUs);
  return pid;
}

export const KILLS: readonly Kill[] = [
  {
    name: 'broker, at random',
    weight: 5,
    async work(scene) {
      await sleep(scene.run.random.below(700));
      await killServer(scene, scene.run.random.below(3000));
      scene.server.spawn();
    },
  },
  {
    name: 'broker, swept after a batch',
    weight: 6,
    async work(scene, cycle) {
      await sleep(200 + scene.run.random.below(200));
      const sinceMs = await committedMs(scene);
      for (const publisher of scene.load.publishers) publisher.burst(30);
      await killServer(scene, (cycle % SWEEP_STEPS) * SWEEP_US, sinceMs);
      scene.server.spawn();
    },
  },
  {
    name: 'broker, within its start',
    weight: 3,
    async work(scene) {
      const { server, run } = scene;
      await sleep(run.random.below(300));
      await killServer(scene, 0);
      for (let n = 1 + run.random.below(2); n > 0; n--) {
        const startedMs = performance.now();
        server.spawn();
        const afterMs = run.random.below(STARTUP_MS);
        run.trace('KILL', `${afterMs} ms after the start`);
        // History may still be on its way up: what came since then may be in its buffer yet.
        await killServer(scene, afterMs * 1000, startedMs);
      }
      server.spawn();
    },
  },
  {
    name: 'history',
    weight: 3,
    async work(scene) {
      await sleep(scene.run.random.below(600));
      const pid = await killHistory(scene, scene.run.random.below(3000));
      await waitFor('another history process', () => (scene.server.historyPid() ?? pid) !== pid, 20_000);
    },
  },
  {
    name: 'history, then the broker',
    weight: 2,
    async work(scene) {
      await sleep(scene.run.random.below(400));
      const sinceMs = await committedMs(scene);
      await killHistory(scene, 0);
      await killServer(scene, scene.run.random.below(300) * 1000, sinceMs);
      scene.server.spawn();
    },
  },
  {
    name: 'broker, while it stops',
    weight: 1,
    async work(scene) {
      await sleep(scene.run.random.below(400));
      const sinceMs = await committedMs(scene);
      scene.server.signal('SIGTERM');
      await killServer(scene, scene.run.random.below(200) * 1000, sinceMs);
      scene.server.spawn();
    },
  },
  {
    name: 'none: an orderly stop',
    weight: 1,
    async work({ run, server, ended }) {
      await sleep(run.random.below(400));
      server.signal('SIGTERM');
      const { code } = await server.exited();
      if (code !== 0) run.fault('start faults', `an orderly stop ended with code ${code}`);
      // Nothing may be missing.
      ended(performance.now(), Number.POSITIVE_INFINITY);
      server.spawn();
    },
  },
];

/** For a Sonde that knows `sonde backup`. */
export const BACKUP_KILL: Kill = {
  name: 'broker, while it is backed up',
  weight: 2,
  async work(scene, cycle) {
    const target = join(scene.folder, `backup-${cycle}`);
    const sinceMs = await committedMs(scene);
    const done = scene.server.command('backup', target, '--data', scene.server.dataDir);
    await killServer(scene, scene.run.random.below(1500) * 1000, sinceMs);
    // Without a server it backs up by itself, and holds the folder meanwhile.
    await done;
    scene.server.spawn();
    rmSync(target, { recursive: true, force: true, maxRetries: 5, retryDelay: 200 });
  },
};

/** One of them, by weight. */
export function chooseKill(run: Run, kills: readonly Kill[]): Kill {
  let at = run.random.below(kills.reduce((sum, { weight }) => sum + weight, 0));
  for (const kill of kills) {
    at -= kill.weight;
    if (at < 0) return kill;
  }
  throw new Error('no kill was given');
}

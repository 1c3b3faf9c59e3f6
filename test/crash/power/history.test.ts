import { existsSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type Random, randomOf } from '../../fuzz/random.ts';
import { type RunningSonde, requireTool, startSonde, waitFor } from '../../tooling/index.ts';
import { createDisk, type DiskModel } from './disk-model.ts';
import { buildRecorder, newRecord, TOOLS } from './disk-record.ts';
import { acknowledgedIn, acksIn, checkpointsIn, idOf, liveWithHistory, queuedIn, TOPICS } from './history-load.ts';
import { type Held, type HistoryLook, startHistoryLook } from './history-look.ts';
import { type Cut, chooseCut, chooseTear, contentsOf, NO_CUT, writeCut } from './power-cut.ts';

const SEEDS = Number(process.env['POWER_CUT_SEEDS'] ?? 0);
const FROM = Number(process.env['POWER_CUT_FROM'] ?? 0);
/** For each seed: prefixes whose store and history are opened, and starts of Sonde on what a power cut leaves. */
const CUTS = Number(process.env['POWER_CUT_PREFIXES'] ?? (SEEDS > 0 ? 400 : 25));
const STARTS = SEEDS > 0 ? 10 : 1;
/** Of three messages each, of each publisher, in each of three lives. */
const BURSTS = 8;
const BASE = existsSync('/dev/shm') ? '/dev/shm' : tmpdir();
const SEED_LIST = Array.from({ length: Math.max(1, SEEDS) }, (_, n) => n + 1 + FROM);

describe.skipIf(process.platform !== 'linux')('a power cut of Sonde and its history process', () => {
  requireTool(...TOOLS);
  let scratch: string;
  let sonde: RunningSonde | null = null;

  let opened: HistoryLook;

  beforeEach(() => {
    opened = startHistoryLook();
    scratch = mkdtempSync(join(BASE, 'sonde-power-'));
  });
  afterEach(async () => {
    opened.end();
    await sonde?.kill();
    sonde = null;
    rmSync(scratch, { recursive: true, force: true, maxRetries: 5 });
  });

  /** The identifiers of what is recorded of a topic. */
  async function recordedOf(url: string, topic: string): Promise<number[]> {
    const field = /json|older/.test(topic) ? 'n' : 'value';
    const response = await fetch(`${url}/api/v1/points?topic=${topic}&field=${field}&limit=100000`);
    if (response.status === 404) return [];
    expect(response.status).toBe(200);
    const { points } = (await response.json()) as { points: [string, number | string][] };
    return points.map(([, value]) => idOf(topic, String(value)));
  }

  /** What Sonde has recorded when it was started on a folder; its start tells of no damage. */
  async function heldBySonde(folder: string): Promise<Held> {
    const started = await startSonde({ dataDir: folder, history: 'duckdb' });
    sonde = started;
    await waitFor('history to have all', async () => (await queuedIn(started)) === 0, 20_000);
    const ids = await Promise.all(TOPICS.map((topic) => recordedOf(started.url, topic)));
    return { ids: ids.flat(), damage: [] };
  }

  /** Looks at what a power cut leaves now; answers what is wrong. */
  async function cutFault(
    disk: DiskModel,
    acked: ReadonlySet<number>,
    cut: Cut,
    random: Random,
    held: (folder: string) => Promise<Held>,
  ): Promise<string | null> {
    const folder = mkdtempSync(join(scratch, 'cut-'));
    try {
      writeCut(disk.root, folder, cut, random, /^BALLAST/);
      const { ids, damage } = await held(folder);
      const found = new Set(ids);
      const lost = [...acked].filter((id) => !found.has(id));
      const twice = ids.filter((id, n) => ids.indexOf(id) !== n);
      if (lost.length + twice.length + damage.length === 0) return null;
      const [some, more] = [lost, twice].map((list) => `${list.slice(0, 5)} (${list.length})`);
      return `lost ${some}, twice ${more}, damage ${damage} ${JSON.stringify(cut)}`;
    } catch (error) {
      return `${String(error)} ${JSON.stringify(cut)}`;
    } finally {
      await sonde?.kill();
      sonde = null;
      rmSync(folder, { recursive: true, force: true, maxRetries: 5 });
    }
  }

  it.each(SEED_LIST)(
    'each acknowledged message of QoS 1 and 2 is in history once: seed %d',
    async (seed) => {
      const random = randomOf(seed, 3);
      const dataDir = join(scratch, 'data');
      mkdirSync(dataDir);
      const disk = createDisk(dataDir);
      const record = newRecord(await buildRecorder(scratch), scratch, 'history', dataDir);
      await liveWithHistory(record, dataDir, BURSTS);
      const events = record.events();
      const acks = acksIn(events);
      // Half of the cuts tear a checkpoint that writes over metadata in its place.
      const { count: checkpoints, tearable } = checkpointsIn(events);
      const tears = new Set(tearable);
      expect(checkpoints).toBeGreaterThanOrEqual(2);
      /** Each event with how often a cut after it is looked at. */
      const choose = (count: number): Map<number, number> => {
        const any = (): number => random.below(events.length);
        const times = new Map<number, number>();
        for (let n = 0; n < count; n++) {
          const event = n % 2 === 0 ? random.pick(tearable) : any();
          times.set(event, (times.get(event) ?? 0) + 1);
        }
        return times;
      };
      const [cuts, starts] = [choose(CUTS), choose(STARTS)];
      const acked = new Set<number>();
      const faults: string[] = [];
      let looked = 0;
      for (const [n, event] of events.entries()) {
        disk.take(event);
        for (const id of acks[n] ?? []) acked.add(id);
        const looks = [
          ...Array.from({ length: cuts.get(n) ?? 0 }, () => opened.look),
          ...Array.from({ length: starts.get(n) ?? 0 }, () => heldBySonde),
        ];
        for (const held of looks) {
          looked += acked.size;
          const fault = await cutFault(
            disk,
            acked,
            tears.has(n) ? chooseTear(random) : chooseCut(random),
            random,
            held,
          );
          if (fault === null) continue;
          faults.push(`event ${n} (${event.do})${held === heldBySonde ? ', a start' : ''}: ${fault}`);
          console.log(faults.at(-1));
        }
      }
      console.log(
        `power cut of history: ${CUTS} prefixes (${[...cuts].reduce((sum, [n, times]) => sum + (tears.has(n) ? times : 0), 0)} that tear ${checkpoints} checkpoints) and ${STARTS} starts of ${events.length}, ${looked} acknowledged messages looked for`,
      );
      expect(faults.slice(0, 8)).toEqual([]);
      expect(acked.size).toBe(acknowledgedIn(BURSTS));

      // The record has all that was asked: with all of it done, there is what there is.
      const whole = mkdtempSync(join(scratch, 'whole-'));
      writeCut(disk.root, whole, NO_CUT, random);
      expect(contentsOf(whole, /lock\.mdb$/)).toEqual(contentsOf(dataDir, /lock\.mdb$/));
    },
    60_000 + (CUTS + STARTS) * 20_000,
  );
});

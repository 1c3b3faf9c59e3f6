import { existsSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { dist } from '../../../scripts/workshop/paths.mjs';
import { openSmall, storedMessage } from '../../../src/store/disk/testing/small-store.ts';
import { type Random, randomOf } from '../../fuzz/random.ts';
import { requireTool, runToEnd } from '../../tooling/index.ts';
import { createDisk, type DiskModel } from './disk-model.ts';
import { buildRecorder, type DiskEvent, newRecord, TOOLS } from './disk-record.ts';
import { chooseCut, contentsOf, NO_CUT, writeCut } from './power-cut.ts';
import { createPromises } from './store-promises.ts';
import { QUEUES, stateOf } from './store-state.mjs';

const LOAD = fileURLToPath(new URL('./store-load.mjs', import.meta.url));
/** More of them by hand: POWER_CUT_SEEDS=20. */
const SEEDS = Number(process.env['POWER_CUT_SEEDS'] ?? 0);
const SEED_LIST = Array.from(
  { length: Math.max(1, SEEDS) },
  (_, n) => n + 1 + Number(process.env['POWER_CUT_FROM'] ?? 0),
);
/** Prefixes of one record that are tried; by hand all of them, or POWER_CUT_PREFIXES. */
const PREFIXES = Number(process.env['POWER_CUT_PREFIXES'] ?? (SEEDS > 0 ? Number.POSITIVE_INFINITY : 90));
const RUNS = 60;
/** In memory where there is such a folder: what is synced is in the record, and need not be on a disk. */
const BASE = existsSync('/dev/shm') ? '/dev/shm' : tmpdir();

/** Killed at a sync while it works or opens, or at the end; or closed. */
type Ending = 'kill' | 'early' | 'late' | 'close';
const DIES_AFTER = { kill: [150, 400], early: [3, 60], late: [1e6, 0], close: [1e6, 0] } as const;
type Promises = ReturnType<typeof createPromises>;

describe.skipIf(process.platform !== 'linux')('a power cut at any point of all that the store asks of the disk', () => {
  requireTool(...TOOLS);
  let scratch: string;
  let library: string;
  let prefixes = 0;
  let checked = 0;

  beforeAll(async () => {
    scratch = mkdtempSync(join(BASE, 'sonde-power-'));
    library = await buildRecorder(scratch);
  });
  afterAll(() => {
    console.log(`power cut: ${prefixes} prefixes, ${checked} promised messages and values looked for`);
    rmSync(scratch, { recursive: true, force: true, maxRetries: 5, retryDelay: 200 });
  });

  /** Lives of a store in a folder, one after the other, recorded together. */
  async function live(folder: string, name: string, seed: number, endings: readonly Ending[]): Promise<DiskEvent[]> {
    const record = newRecord(library, scratch, name, folder);
    const random = randomOf(seed, 1);
    for (const [n, ending] of endings.entries()) {
      const end = ending === 'close' ? 'close' : 'kill';
      const wish = { dist, folder: join(folder, 'store'), marks: record.marks, seed: seed * 31 + n, runs: RUNS, end };
      const [least, more] = DIES_AFTER[ending];
      const env = { ...process.env, ...record.env, DISK_RECORD_DIE: String(least + random.below(more)) };
      const ran = await runToEnd(process.execPath, [LOAD, JSON.stringify(wish)], { env });
      const isRight = end === 'close' ? ran.code === 0 : ran.signal === 'SIGKILL';
      if (!isRight) throw new Error(`${end} ended with ${ran.code ?? ran.signal}: ${ran.stderr}`);
    }
    return record.events();
  }

  /** Opens what power cuts at the beginnings of a record leave. Answers what is wrong. */
  async function tryPrefixes(disk: DiskModel, events: readonly DiskEvent[], promises: Promises, random: Random) {
    const faults: string[] = [];
    let left = events.length;
    let wanted = Math.min(PREFIXES, left);
    for (const [n, event] of events.entries()) {
      disk.take(event);
      if (event.do === 'mark') promises.take(event.text);
      // So many of those that are left, each as likely.
      const isTried = random.below(left) < wanted;
      left -= 1;
      if (!isTried) continue;
      wanted -= 1;
      const fault = await tryCut(disk, promises, random);
      if (fault === null) continue;
      faults.push(`event ${n} (${event.do}): ${fault}`);
      console.log(faults.at(-1));
    }
    return [...promises.faults, ...faults.slice(0, 8)];
  }

  async function tryCut(disk: DiskModel, promises: Promises, random: Random): Promise<string | null> {
    const folder = mkdtempSync(join(scratch, 'cut-'));
    const cut = chooseCut(random);
    prefixes += 1;
    checked += promises.promised();
    try {
      writeCut(disk.root, folder, cut, random);
      const store = await openSmall(join(folder, 'store'));
      const wrong = promises.judge(await stateOf(store));
      const queue = store.openQueue(QUEUES[0] as string);
      const target = { queue, maxQos: 1 as const, retainAsPublished: false, subscriptionIdentifiers: [] };
      const number = store.append(storedMessage('next', Buffer.from('x')), [target]);
      const damage = JSON.stringify(store.damage);
      await store.close();
      if (wrong !== null) return `${wrong} ${JSON.stringify(cut)} ${damage}`;
      if (damage !== '[]') return `damage: ${damage} ${JSON.stringify(cut)}`;
      if (number <= promises.lastNumber()) return `number ${number} is given twice`;
      return null;
    } catch (error) {
      return `it does not open: ${String(error)} ${JSON.stringify(cut)}`;
    } finally {
      rmSync(folder, { recursive: true, force: true, maxRetries: 5, retryDelay: 200 });
    }
  }

  it.each(SEED_LIST)(
    'nothing that was promised is lost, and nothing that was taken off comes back: seed %d',
    async (seed) => {
      const random = randomOf(seed);
      const folder = join(scratch, `first-${seed}`);
      mkdirSync(folder);
      const disk = createDisk(folder);
      const events = await live(folder, `first-${seed}`, seed, ['kill', 'early', 'kill', 'close', 'late']);
      const promises = createPromises();
      const faults = await tryPrefixes(disk, events, promises, random);

      // The record has all that was asked: with all of it done, there is what there is.
      const whole = mkdtempSync(join(scratch, 'whole-'));
      writeCut(disk.root, whole, NO_CUT, random);
      expect(contentsOf(whole, /lock\.mdb$/)).toEqual(contentsOf(folder, /lock\.mdb$/));

      // A start after a power cut is cut short as well.
      const second = join(scratch, `second-${seed}`);
      writeCut(disk.root, second, chooseCut(random), random);
      const after = createDisk(second);
      const more = await live(second, `second-${seed}`, seed + 1000, ['early', 'kill', 'early']);
      faults.push(...(await tryPrefixes(after, more, createPromises(promises), random)));
      expect(faults).toEqual([]);
    },
    SEEDS > 0 ? 1_200_000 : 60_000,
  );
});

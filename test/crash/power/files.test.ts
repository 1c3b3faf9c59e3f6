import { existsSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type Random, randomOf } from '../../fuzz/random.ts';
import { requireTool, startSonde } from '../../tooling/index.ts';
import { createDisk, type DiskModel } from './disk-model.ts';
import { buildRecorder, type DiskEvent, newRecord, TOOLS } from './disk-record.ts';
import { liveWithFiles } from './files-load.ts';
import { createFilesPromises } from './files-promises.ts';
import { chooseCut, contentsOf, NO_CUT, writeCut } from './power-cut.ts';

const SEEDS = Number(process.env['POWER_CUT_SEEDS'] ?? 0);
const FROM = Number(process.env['POWER_CUT_FROM'] ?? 0);
/** Power cuts at each event that concerns a small file; of a share of them in CI. */
const CUTS = Number(process.env['POWER_CUT_PREFIXES'] ?? (SEEDS > 0 ? SEEDS * 1500 : 60));
/** Starts of Sonde itself on what is left. */
const STARTS = SEEDS > 0 ? SEEDS * 10 : 1;
const BASE = existsSync('/dev/shm') ? '/dev/shm' : tmpdir();
/** What other tests cut, and what is large. */
const LARGE = /(^|\/)(store|BALLAST(\.\w+)?|history\.duckdb\.\w+)$/;
const WHOLE = /^$/;

describe.skipIf(process.platform !== 'linux')('a power cut while small files of the data folder are made', () => {
  requireTool(...TOOLS);
  let scratch: string;

  beforeEach(() => {
    scratch = mkdtempSync(join(BASE, 'sonde-power-'));
  });
  afterEach(() => rmSync(scratch, { recursive: true, force: true, maxRetries: 5 }));

  /** Where a small file or its name changes, or something is said: the numbers of the events. */
  function placesOf(events: readonly DiskEvent[]): number[] {
    const inodes = new Set<string>();
    const calls = new Set<string>();
    return events.flatMap((event, n) => {
      if ('path' in event) {
        const isSmall = !/\/store(\/|$)|BALLAST|history\.duckdb\.tmp/.test(event.path);
        if (isSmall && 'inode' in event) inodes.add(event.inode);
        return isSmall ? [n] : [];
      }
      if ('inode' in event && inodes.has(event.inode)) {
        calls.add(event.call);
        return [n];
      }
      return event.do === 'mark' || (event.do === 'end' && calls.has(event.call)) ? [n] : [];
    });
  }

  /** Starts Sonde on all that a power cut left. */
  async function startFault(disk: DiskModel, random: Random): Promise<string | null> {
    const folder = mkdtempSync(join(scratch, 'start-'));
    const cut = chooseCut(random);
    writeCut(disk.root, folder, cut, random, WHOLE);
    const data = join(folder, 'data');
    try {
      if (!existsSync(data)) return null;
      const sonde = await startSonde({ dataDir: data, history: 'duckdb', args: ['--mqtts', '127.0.0.1:0'] });
      await sonde.kill();
      return null;
    } catch (error) {
      return `${String(error)} ${JSON.stringify(cut)}`;
    } finally {
      rmSync(folder, { recursive: true, force: true, maxRetries: 5 });
    }
  }

  it(
    'what a command or the server has said of tokens, certificates and backups is so, and Sonde starts',
    async () => {
      const random = randomOf(11 + FROM);
      const folder = join(scratch, 'disk');
      mkdirSync(join(folder, 'data'), { recursive: true, mode: 0o700 });
      const disk = createDisk(folder);
      const record = newRecord(await buildRecorder(scratch), scratch, 'files', folder);
      await liveWithFiles(record, folder);
      const events = record.events();
      const promises = createFilesPromises(events.flatMap((event) => (event.do === 'mark' ? [event.text] : [])));

      const places = placesOf(events);
      const times = new Map<number, number>();
      for (let n = 0; n < CUTS; n++) {
        const at = random.pick(places);
        times.set(at, (times.get(at) ?? 0) + 1);
      }
      const starts = new Set(Array.from({ length: STARTS }, () => random.pick(places)));
      const faults: string[] = [];
      let looked = 0;
      for (const [n, event] of events.entries()) {
        disk.take(event);
        if (event.do === 'mark') promises.take(event.text);
        for (let k = times.get(n) ?? 0; k > 0; k--) {
          const cut = chooseCut(random);
          const left = mkdtempSync(join(scratch, 'cut-'));
          // A backup is judged by all that is in it.
          const isWhole = random.chance(20);
          writeCut(disk.root, join(left, 'disk'), cut, random, isWhole ? WHOLE : LARGE);
          looked += promises.promised();
          const found = await promises.faultsOf(join(left, 'disk'), isWhole ? left : null);
          for (const fault of found) faults.push(`event ${n} (${event.do}): ${fault} ${JSON.stringify(cut)}`);
          rmSync(left, { recursive: true, force: true, maxRetries: 5, retryDelay: 200 });
        }
        const fault = starts.has(n) ? await startFault(disk, random) : null;
        if (fault !== null) faults.push(`event ${n} (${event.do}), a start: ${fault}`);
      }
      console.log(
        `power cut of small files: ${CUTS} prefixes of ${places.length} places, ${looked} promised things looked for, ${starts.size} starts`,
      );
      for (const fault of faults) console.log(fault);
      expect(faults.slice(0, 8)).toEqual([]);
      expect(looked).toBeGreaterThan(CUTS);

      // The record has all that was asked: with all of it done, there is what there is.
      const whole = mkdtempSync(join(scratch, 'whole-'));
      writeCut(disk.root, whole, NO_CUT, random);
      expect(contentsOf(whole, /lock\.mdb$/)).toEqual(contentsOf(folder, /lock\.mdb$/));
    },
    120_000 + SEEDS * 600_000,
  );
});

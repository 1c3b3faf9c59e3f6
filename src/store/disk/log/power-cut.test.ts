import { mkdirSync, mkdtempSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import * as fs from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { systemClock } from '../../../base/index.ts';
import type { ExpiryClock } from '../../message-bytes.ts';
import type { StoredMessage } from '../../port.ts';
import { cleanSegment, firstWanted, freeSegments, segmentToClean } from './cleaner.ts';
import { DiskLog } from './disk-log.ts';
import { LogWriter } from './log-writer.ts';
import { readLog } from './open-log.ts';
import { QueueIndex } from './queue-index.ts';
import type { LogFolder } from './segment-files.ts';

const base = mkdtempSync(join(tmpdir(), 'sonde-power-'));
afterAll(() => rmSync(base, { recursive: true, force: true }));

const INCARNATION = '00112233-4455-6677-8899-aabbccddeeff';
const SECTOR = 512;
const clock: ExpiryClock = { toWallUs: (ms) => ms * 1000, toMonotonicMs: (us) => us / 1000 };

/** What was asked of the disk, in order, and what was promised meanwhile. */
type Event =
  | { readonly do: 'create'; readonly file: string }
  | { readonly do: 'write'; readonly file: string; readonly at: number; readonly bytes: Buffer }
  | { readonly do: 'sync'; readonly file: string }
  | { readonly do: 'syncNames' }
  | { readonly do: 'unlink'; readonly file: string }
  /** A commit was acknowledged: each queue holds these numbers. */
  | {
      readonly do: 'promise';
      readonly held: readonly (readonly number[])[];
      readonly taken: readonly (readonly number[])[];
    };

/** A folder that keeps a record of all that happens in it. */
function recorded(events: Event[]): LogFolder {
  return {
    async open(path, flags) {
      const file = basename(path);
      const handle = await fs.open(path, flags);
      if (flags === 'wx+') events.push({ do: 'create', file });
      return {
        read: handle.read.bind(handle),
        stat: handle.stat.bind(handle),
        close: handle.close.bind(handle),
        write: (async (bytes: Buffer, from: number, length: number, at: number) => {
          events.push({ do: 'write', file, at, bytes: Buffer.from(bytes.subarray(from, from + length)) });
          return handle.write(bytes, from, length, at);
        }) as typeof handle.write,
        async datasync() {
          await handle.datasync();
          events.push({ do: 'sync', file });
        },
        async sync() {
          await handle.sync();
          events.push({ do: 'sync', file });
        },
      };
    },
    unlink: (path) => {
      events.push({ do: 'unlink', file: basename(path) });
      return fs.unlink(path);
    },
    async sync() {
      events.push({ do: 'syncNames' });
    },
  };
}

async function openLog(folder: string, on?: LogFolder): Promise<DiskLog> {
  const read = await readLog(folder, INCARNATION, { segmentBytes: 16 * 1024, on });
  let log: DiskLog | null = null;
  const writer = new LogWriter({
    files: read.files,
    clock: systemClock(),
    incarnation: INCARNATION,
    firstSequence: read.nextSequence,
    beforeEnd: read.beforeEnd,
    nextNumber: () => (log?.lastNumber ?? read.replay.lastNumber) + 1,
    events: { failed: (error) => expect.unreachable(String(error)), recovered: () => {} },
    pauseMs: 0,
  });
  const { queues, segments, lastNumber } = read.replay;
  log = new DiskLog({ files: read.files, writer, queues, segments, clock, lastNumber });
  expect(read.damage).toEqual([]);
  for (const queue of [1, 2]) if (!log.queues.has(queue)) log.queues.set(queue, new QueueIndex());
  return log;
}

const messageOf = (n: number): StoredMessage => ({
  world: 0,
  topic: `t/${n}`,
  payload: Buffer.alloc((n * 37) % 900, n),
  qos: 1,
  retain: false,
  properties: null,
  arrivedUs: n,
  expiresAtMs: null,
});

async function numbersIn(log: DiskLog, queue: number): Promise<number[]> {
  const entries = await log.read(queue, 0, 1e6, 1e12);
  for (const { number, message } of entries) expect(message.topic).toBe(`t/${number}`);
  return entries.map(({ number }) => number);
}

/** Some thousand appends and acks, with segments that roll, are cleaned and used again. */
async function work(events: Event[], random: () => number): Promise<void> {
  const folder = mkdtempSync(join(base, 'work-'));
  const log = await openLog(folder, recorded(events));
  const held: number[][] = [[], []];
  const taken: number[][] = [[], []];
  for (let round = 0; round < 40; round++) {
    for (let i = 0; i < 8; i++) {
      const queues = random() < 0.3 ? [1, 2] : [1 + Math.floor(random() * 2)];
      const targets = queues.map((queue) => ({
        queue,
        maxQos: 1 as const,
        retainAsPublished: false,
        subscriptionIdentifiers: [],
      }));
      const number = log.append(messageOf(log.lastNumber + 1), targets);
      for (const queue of queues) held[queue - 1]?.push(number);
      const from = Math.floor(random() * 2);
      const list = held[from] as number[];
      // The first entries stay for long: their segments have to be cleaned.
      if (list.length > 12 && random() < 0.95) {
        const [number] = list.splice(6 + Math.floor(random() * 6), 1) as [number];
        log.ack(from + 1, number);
        taken[from]?.push(number);
      }
    }
    await log.commit();
    events.push({ do: 'promise', held: held.map((list) => [...list]), taken: taken.map((list) => [...list]) });
    const oldest = segmentToClean(log);
    if (oldest !== null) {
      await cleanSegment(log, oldest, async () => {});
      await log.commit();
    }
    await freeSegments(log, firstWanted(log, log.writer.sequence));
  }
  await log.writer.close();
  await log.files.close();
}

/** The folder as a power cut after `count` events may leave it: what is not synced is there, is not, or is there in part. */
function imageAt(events: readonly Event[], count: number, random: () => number): string {
  const folder = mkdtempSync(join(base, 'cut-'));
  const files = new Map<string, { bytes: Buffer; unsynced: { at: number; bytes: Buffer }[] }>();
  for (const event of events.slice(0, count)) {
    if (event.do === 'create') files.set(event.file, { bytes: Buffer.alloc(0), unsynced: [] });
    if (event.do === 'unlink') files.delete(event.file);
    if (event.do !== 'write' && event.do !== 'sync') continue;
    const file = files.get(event.file);
    if (file === undefined) continue;
    if (event.do === 'write') file.unsynced.push(event);
    else {
      for (const write of file.unsynced) file.bytes = written(file.bytes, write.at, write.bytes);
      file.unsynced = [];
    }
  }
  mkdirSync(folder, { recursive: true });
  for (const [name, file] of files) {
    for (const { at, bytes } of file.unsynced) {
      for (let from = 0; from < bytes.length; from += SECTOR) {
        if (random() < 0.5) file.bytes = written(file.bytes, at + from, bytes.subarray(from, from + SECTOR));
      }
    }
    writeFileSync(join(folder, name), file.bytes);
    if (file.bytes.length === 0) truncateSync(join(folder, name), 0);
  }
  return folder;
}

function written(before: Buffer, at: number, bytes: Buffer): Buffer {
  const size = Math.max(before.length, at + bytes.length);
  const after = size === before.length ? before : Buffer.concat([before, Buffer.alloc(size - before.length)]);
  bytes.copy(after, at);
  return after;
}

function seeded(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 0x1_0000_0000;
  };
}

/** More of them by hand: POWER_CUT_SEEDS=100. */
const SEEDS = Array.from({ length: Number(process.env['POWER_CUT_SEEDS'] ?? 2) }, (_, n) => n + 1);

describe('a power cut at any point', () => {
  it.each(SEEDS)(
    'leaves all that was acknowledged, and nothing that was taken off comes back: seed %d',
    async (seed) => {
      const random = seeded(seed);
      const events: Event[] = [];
      await work(events, random);
      let prefixes = 0;
      for (let count = 0; count <= events.length; count++) {
        const before = events.slice(0, count);
        const promise = before.findLast((event) => event.do === 'promise');
        const next = events.slice(count).find((event) => event.do === 'promise');
        const folder = imageAt(events, count, random);
        const log = await openLog(folder).catch((error: unknown) => {
          const near = events
            .slice(Math.max(0, count - 12), count)
            .map((event) => ({ ...event, bytes: undefined, held: undefined, taken: undefined }));
          console.log(count, JSON.stringify(near));
          throw error;
        });
        prefixes += 1;
        for (const queue of [1, 2]) {
          const found = new Set(await numbersIn(log, queue));
          const takenLater = new Set(next?.taken[queue - 1] ?? []);
          // What was promised is there, unless it was taken off since.
          for (const number of promise?.held[queue - 1] ?? []) {
            if (!takenLater.has(number)) expect(found, `event ${count}`).toContain(number);
          }
          for (const number of promise?.taken[queue - 1] ?? []) expect(found, `event ${count}`).not.toContain(number);
        }
        await log.writer.close();
        await log.files.close();
        rmSync(folder, { recursive: true });
      }
      expect(prefixes).toBeGreaterThan(100);
    },
    120_000,
  );
});

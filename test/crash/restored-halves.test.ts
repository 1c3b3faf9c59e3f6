import { cpSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DuckDBInstance } from '@duckdb/node-api';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { makeBackup, restoreBackup } from '../../src/backup/index.ts';
import { silentLogger, systemClock } from '../../src/base/index.ts';
import { createHistory, type History, type RecorderSource } from '../../src/history/index.ts';
import { pointsOf } from '../../src/history/testing/rows.ts';
import { type DiskStore, openDiskStore } from '../../src/store/index.ts';
import { waitFor } from '../tooling/index.ts';

/** The recorder over a store on disk, as the broker has them, with a history that can be held back. */
type Life = {
  readonly store: DiskStore;
  /** Values that are published and acknowledged: QoS 1, on disk. */
  readonly publish: (...values: readonly number[]) => Promise<void>;
  /** Starts history; resolves when it has all that waits. */
  readonly record: () => Promise<void>;
  readonly backup: (folder: string) => Promise<void>;
  /** All values that are in history now. */
  readonly recorded: () => Promise<number[]>;
  readonly end: () => Promise<void>;
};

let base: string;
let lives: Life[] = [];
beforeEach(() => {
  base = mkdtempSync(join(tmpdir(), 'sonde-halves-'));
  lives = [];
});
afterEach(async () => {
  for (const life of lives) await life.end();
  rmSync(base, { recursive: true, force: true, maxRetries: 5, retryDelay: 200 });
});

const clock = systemClock();
const at = (name: string): string => join(base, name);

async function live(name: string): Promise<Life> {
  const data = at(name);
  const store = await openDiskStore({ folder: join(data, 'store'), clock, logger: silentLogger, durability: 'sync' });
  const queue = store.openQueue('recorder');
  const target = { queue, maxQos: 2 as const, retainAsPublished: true, subscriptionIdentifiers: [] };
  let wake: (isFull: boolean) => void = () => {};
  const source: RecorderSource = {
    incarnation: store.incarnation,
    origins: store.origins,
    read: (after, limit, maxBytes) => store.read(queue, after, limit, maxBytes),
    ackThrough: (number) => {
      store.ackThrough(queue, number);
      void store.commit();
    },
    takenBefore: store.ackedThrough(queue),
    depth: () => store.depth(queue),
    onEntries: (given) => {
      wake = given;
    },
  };
  const history: History = createHistory({
    file: join(data, 'history.duckdb'),
    clock,
    logger: silentLogger,
    commitIntervalMs: 5,
    niceness: 0,
  });
  let started = false;
  let ended = false;
  const start = async (): Promise<void> => {
    if (started) return;
    started = true;
    await history.start();
  };
  let drains = false;
  const life: Life = {
    store,
    publish: async (...values) => {
      for (const value of values) {
        const payload = Buffer.from(String(value));
        const rest = { qos: 1 as const, retain: false, properties: null, expiresAtMs: null };
        store.append({ world: 1, topic: 't', payload, arrivedUs: value, ...rest }, [target]);
      }
      await store.commit();
      wake(false);
    },
    record: async () => {
      await start();
      if (!drains) history.drain(source);
      drains = true;
      await waitFor('the queue to be empty', () => store.depth(queue).entries === 0, 20_000);
      await store.commit();
    },
    backup: async (folder) => {
      await start();
      await makeBackup({ data, store, history, version: '0.0.0', clock }, folder);
    },
    recorded: async () => {
      await start();
      const query = { world: 1, topic: 't', field: 'value', fromUs: null, toUs: null };
      const known = await history.series(1, 't', 1);
      if (known.length === 0) return [];
      return (await pointsOf(history, query, 1_000_000)).map(([, value]) => Number(value));
    },
    end: async () => {
      if (ended) return;
      ended = true;
      if (started) await history.stop();
      await store.close();
    },
  };
  lives.push(life);
  return life;
}

const range = (from: number, to: number): number[] => Array.from({ length: to - from + 1 }, (_, i) => from + i);
const remove = (path: string): void =>
  rmSync(at(path), { recursive: true, force: true, maxRetries: 5, retryDelay: 200 });

/** Puts the history of one data folder into another. */
function switchHistory(from: string, to: string): void {
  remove(`${to}/history.duckdb`);
  remove(`${to}/history.duckdb.wal`);
  cpSync(at(`${from}/history.duckdb`), at(`${to}/history.duckdb`));
}

/** A life `a` with 1..10 recorded and 11..20 in the queue, its backup `b`, and what it did since: 21..30, all recorded. */
async function livedOn(): Promise<void> {
  const a = await live('a');
  await a.publish(...range(1, 10));
  await a.record();
  await a.end();
  const again = await live('a');
  await again.publish(...range(11, 20));
  await again.backup(at('b')); // history is there, and behind
  await again.publish(...range(21, 30));
  await again.record();
  await again.end();
}

it('both halves restored: what the queue had is recorded once, whether history had it already or not', async () => {
  await livedOn();
  await restoreBackup(at('b'), at('c'));
  const c = await live('c');
  await c.publish(...range(101, 110));
  await c.record();
  expect(await c.recorded()).toEqual([...range(1, 20), ...range(101, 110)]);
  await c.end();

  // A history that was copied long after the store has more than the queue, and more than the store ever had.
  await restoreBackup(at('b'), at('d'));
  switchHistory('a', 'd');
  const d = await live('d');
  await d.publish(...range(201, 210));
  await d.record();
  expect(await d.recorded()).toEqual([...range(1, 30), ...range(201, 210)]);
});

it('the store restored alone beside the history that went on', async () => {
  await livedOn();
  await restoreBackup(at('b'), at('c'));
  remove('a/store');
  cpSync(at('c/store'), at('a/store'), { recursive: true });
  const a = await live('a');
  await a.publish(...range(101, 120));
  await a.record();
  expect(await a.recorded()).toEqual([...range(1, 30), ...range(101, 120)]);
});

it('history restored alone beside the store that went on: what the copy had, and all that comes', async () => {
  await livedOn();
  switchHistory('b', 'a');
  const a = await live('a');
  await a.publish(...range(31, 40));
  await a.record();
  expect(await a.recorded()).toEqual([...range(1, 10), ...range(31, 40)]);
});

it('the store deleted, then history deleted', async () => {
  await livedOn();
  remove('a/store');
  const a = await live('a');
  await a.publish(...range(31, 40));
  await a.record();
  expect(await a.recorded()).toEqual(range(1, 40));
  await a.end();

  const again = await live('a');
  await again.publish(...range(41, 50));
  await again.end();
  remove('a/history.duckdb');
  remove('a/history.duckdb.wal');
  const last = await live('a');
  await last.publish(...range(51, 60));
  await last.record();
  expect(await last.recorded()).toEqual(range(41, 60));
});

it('the history of another Sonde put there', async () => {
  await livedOn();
  const other = await live('other');
  await other.publish(...range(1001, 1100));
  await other.record();
  await other.end();
  const a = await live('a');
  await a.publish(...range(31, 40));
  await a.end();
  switchHistory('other', 'a');
  const again = await live('a');
  await again.publish(...range(41, 50));
  await again.record();
  expect(await again.recorded()).toEqual([...range(31, 50), ...range(1001, 1100)]);
});

it('restored twice from one backup into two lives, and their histories exchanged', async () => {
  await livedOn();
  await restoreBackup(at('b'), at('one'));
  await restoreBackup(at('b'), at('two'));
  const one = await live('one');
  await one.publish(...range(101, 110));
  await one.record();
  await one.end();
  const two = await live('two');
  await two.publish(...range(201, 210));
  await two.end();
  switchHistory('one', 'two');
  const exchanged = await live('two');
  await exchanged.publish(...range(211, 220));
  await exchanged.record();
  expect(await exchanged.recorded()).toEqual([...range(1, 20), ...range(101, 110), ...range(201, 220)]);
});

it('history exchanged for a new one, and the store restored to before that', async () => {
  await livedOn();
  // What was in the queue of the backup went to a file that is gone; the one of now has only what came later.
  remove('a/history.duckdb');
  remove('a/history.duckdb.wal');
  const a = await live('a');
  await a.publish(...range(31, 40));
  await a.record();
  await a.end();
  await restoreBackup(at('b'), at('c'));
  remove('a/store');
  cpSync(at('c/store'), at('a/store'), { recursive: true });
  const again = await live('a');
  await again.publish(...range(101, 110));
  await again.record();
  expect(await again.recorded()).toEqual([...range(11, 20), ...range(31, 40), ...range(101, 110)]);
});

it('a backup that is started on as it is, and restored no more', async () => {
  await livedOn();
  const b = await live('b');
  expect(b.store.incarnation).not.toBe(
    (JSON.parse(readFileSync(at('a/store/FORMAT'), 'utf8')) as { incarnation: string }).incarnation,
  );
  await b.publish(...range(101, 110));
  await b.record();
  expect(await b.recorded()).toEqual([...range(1, 20), ...range(101, 110)]);
  await b.end();
  await expect(restoreBackup(at('b'), at('c'))).rejects.toThrow(/is not what it was when the backup was made/);
});

it('a broker killed with a batch that history has and its log has not: nothing else is taken for that batch', async () => {
  const a = await live('a');
  await a.publish(...range(1, 10));
  await a.record();
  cpSync(at('a/store'), at('killed'), { recursive: true });
  // Numbered, recorded, and never on its way to the disk that the next start finds.
  await a.publish(...range(11, 20));
  await a.record();
  await a.end();
  remove('a/store');
  cpSync(at('killed'), at('a/store'), { recursive: true });
  const again = await live('a');
  await again.publish(...range(21, 30));
  await again.record();
  expect(await again.recorded()).toEqual(range(1, 30));
});

/** Stretches of numbers that a history has of queues. */
async function stretches(name: string): Promise<number> {
  const instance = await DuckDBInstance.create(at(`${name}/history.duckdb`), { access_mode: 'READ_ONLY' });
  const connection = await instance.connect();
  const rows = await connection.runAndReadAll("SELECT count(*)::DOUBLE FROM position WHERE source LIKE 'queue:%'");
  connection.closeSync();
  instance.closeSync();
  return Number(rows.getRows()[0]?.[0]);
}

it('starts do not make the positions grow: a stretch goes on where the same history had all before it', async () => {
  for (let start = 0; start < 6; start++) {
    const a = await live('a');
    // Not each life has something to record.
    if (start % 3 !== 1) {
      await a.publish(start * 10, start * 10 + 1);
      await a.record();
    }
    // The table follows, and segments that say how far the queue was taken become free.
    await a.store.caughtUp();
    await a.end();
  }
  expect(await stretches('a')).toBe(1);
  // Another one does not have what is before: it is not said of it.
  cpSync(at('a/history.duckdb'), at('first.duckdb'));
  remove('a/history.duckdb');
  for (const value of [100, 110]) {
    const a = await live('a');
    await a.publish(value);
    await a.record();
    await a.end();
  }
  expect(await stretches('a')).toBe(1);
  cpSync(at('first.duckdb'), at('a/history.duckdb'));
  const back = await live('a');
  await back.publish(120);
  await back.record();
  expect(await back.recorded()).toEqual([0, 1, 20, 21, 30, 31, 50, 51, 120]);
  await back.end();
  expect(await stretches('a')).toBe(2);
});

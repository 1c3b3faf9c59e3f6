import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, unlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { crc32 } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { OperatorError } from '../../base/index.ts';
import { checkStore } from './check/check-store.ts';
import { inspectInChild } from './check/inspect-child.ts';
import type { DiskStore } from './disk-store.ts';
import { openSmall } from './testing/small-store.ts';

/*
 * Real damage to real files: whatever is done to a file of a store, the next start has all that was synced, or names what
 * it has not; or it is refused in one clear sentence. What is done is found from the seed; more of them by hand: SWEEP_SEEDS=500.
 */
const SEEDS = Number(process.env['SWEEP_SEEDS'] ?? 5);

const base = mkdtempSync(join(tmpdir(), 'sonde-sweep-'));
afterAll(() => rmSync(base, { recursive: true, force: true }));

function seeded(seed: number): () => number {
  let state = (seed * 2_654_435_761) >>> 0;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 0x1_0000_0000;
  };
}

/** With the child process that a start asks, where the table is damaged: what it says of a sound one does not change. */
const open = (folder: string, damaged?: string): Promise<DiskStore> =>
  openSmall(folder, damaged?.endsWith('data.mdb') ? { inspect: inspectInChild } : {});

/** All that a store holds, by name. */
async function contentsOf(store: DiskStore): Promise<Map<string, string>> {
  const all = new Map<string, string>();
  for (const name of ['a', 'b']) {
    for (const { message } of await store.read(store.openQueue(name), 0, 1e6, 1e12)) {
      all.set(`queue ${name} ${message.topic}`, Buffer.from(message.payload).toString('hex'));
    }
  }
  for (const table of ['retained', 'session'] as const) {
    for await (const [key, value] of store.entries(table))
      all.set(`${table} ${key}`, Buffer.from(value).toString('hex'));
  }
  return all;
}

/** A store with some segments, of which the first are free again, and a table with small, large and removed values. */
async function fill(folder: string): Promise<DiskStore> {
  const store = await open(folder);
  const queues = ['a', 'b'].map(store.openQueue);
  const random = seeded(1);
  for (let n = 0; n < 250; n++) {
    const message = {
      world: 0,
      topic: String(n),
      payload: Buffer.alloc(100 + Math.floor(random() * 500), n),
      qos: 1 as const,
      retain: false,
      properties: null,
      arrivedUs: n,
      expiresAtMs: null,
    };
    const targets = queues.map((queue) => ({
      queue,
      maxQos: 1 as const,
      retainAsPublished: false,
      subscriptionIdentifiers: [],
    }));
    const number = store.append(message, targets);
    store.put('retained', `t/${n % 90}`, Buffer.alloc(Math.floor(random() * (n % 30 === 0 ? 20_000 : 400)), n));
    if (n % 5 === 0) store.put('session', `client-${n}`, Buffer.from(`session ${n}`));
    if (n % 7 === 0) store.remove('retained', `t/${(n + 3) % 90}`);
    await store.commit();
    if (n < 120) for (const queue of queues) store.ack(queue, number);
    if (n % 50 === 0) await store.caughtUp(); // the table follows
  }
  await store.commit();
  await store.caughtUp();
  return store;
}

function filesIn(folder: string, under = folder): string[] {
  return readdirSync(under).flatMap((name) => {
    const path = join(under, name);
    return statSync(path).isDirectory() ? filesIn(folder, path) : [relative(folder, path)];
  });
}

function contentsOfFiles(folder: string): string[] {
  return filesIn(folder)
    .sort()
    .map((name) => `${name} ${crc32(readFileSync(join(folder, name)))}`);
}

type Fault = { readonly name: string; readonly apply: (bytes: Buffer, random: () => number) => Buffer | null };

const FAULTS: readonly Fault[] = [
  {
    name: 'a bit is flipped',
    apply(bytes, random) {
      const at = Math.floor(random() * bytes.length);
      if (bytes.length > 0) bytes[at] = (bytes[at] as number) ^ (1 << Math.floor(random() * 8));
      return bytes;
    },
  },
  {
    name: 'a bit of what is used is flipped',
    apply(bytes, random) {
      const used = [...bytes.keys()].filter((at) => bytes[at] !== 0);
      const at = used[Math.floor(random() * used.length)];
      if (at !== undefined) bytes[at] = (bytes[at] as number) ^ (1 << Math.floor(random() * 8));
      return bytes;
    },
  },
  { name: 'it is cut off', apply: (bytes, random) => bytes.subarray(0, Math.floor(random() * bytes.length)) },
  {
    name: 'a sector is zeroes',
    apply(bytes, random) {
      const at = Math.floor((random() * bytes.length) / 512) * 512;
      return bytes.fill(0, at, Math.min(at + 512, bytes.length));
    },
  },
  {
    name: 'a page is junk',
    apply(bytes, random) {
      const at = Math.floor((random() * bytes.length) / 4096) * 4096;
      for (let i = at; i < Math.min(at + 4096, bytes.length); i++) bytes[i] = Math.floor(random() * 256);
      return bytes;
    },
  },
  { name: 'all of it is junk', apply: (bytes, random) => bytes.map(() => Math.floor(random() * 256)) as Buffer },
  { name: 'it is empty', apply: () => Buffer.alloc(0) },
  { name: 'it is gone', apply: () => null },
];

describe.each(['closed', 'killed'] as const)('a store that was %s and then damaged', (end) => {
  let folder: string;
  let expected: Map<string, string>;
  let kinds: readonly string[][];
  beforeAll(async () => {
    folder = mkdtempSync(join(base, 'whole-'));
    const work = end === 'closed' ? folder : mkdtempSync(join(base, 'work-'));
    const store = await fill(work);
    expected = await contentsOf(store);
    if (end === 'killed') cpSync(work, folder, { recursive: true });
    await store.close();
    const files = filesIn(folder);
    const segments = files.filter((file) => file.endsWith('.seg'));
    kinds = [segments, ...files.filter((file) => !file.endsWith('.seg')).map((file) => [file])];
    expect(segments.length).toBeGreaterThan(4);
    expect(expected.size).toBeGreaterThan(300);
  });

  it('has all of it when nothing was done to it', async () => {
    const copy = mkdtempSync(join(base, 'one-'));
    cpSync(folder, copy, { recursive: true });
    const store = await open(copy);
    expect(store.damage).toEqual([]);
    expect(await contentsOf(store)).toEqual(expected);
    await store.close();
  });

  describe.each(FAULTS.map((fault) => [fault.name, fault] as const))('%s', (_name, fault) => {
    it.each(Array.from({ length: SEEDS }, (_, n) => n + 1))('is never a silent loss: seed %d', async (seed) => {
      const random = seeded(seed);
      const copy = mkdtempSync(join(base, 'one-'));
      cpSync(folder, copy, { recursive: true });
      const kind = kinds[seed % kinds.length] as string[];
      const file = join(copy, kind[Math.floor(random() * kind.length)] as string);
      const damaged = fault.apply(readFileSync(file), random);
      if (damaged === null) unlinkSync(file);
      else writeFileSync(file, damaged);
      await check(copy, file, damaged);
      rmSync(copy, { recursive: true });
    });
  });

  async function check(copy: string, file: string, bytes: Buffer | null): Promise<void> {
    // A look before finds it too, and changes nothing.
    const before = contentsOfFiles(copy);
    const report = await checkStore(copy).catch((error: unknown) => expect(error).toBeInstanceOf(OperatorError));
    expect(contentsOfFiles(copy)).toEqual(before);
    let store: DiskStore;
    try {
      store = await open(copy, file);
    } catch (error) {
      expect(error, file).toBeInstanceOf(OperatorError);
      return;
    }
    const found = await contentsOf(store);
    const lost = [...expected].filter(([name, value]) => found.get(name) !== value).map(([name]) => name);
    const strange = [...found.keys()].filter((name) => !expected.has(name));
    const told = JSON.stringify(store.damage, null, 1);
    if (lost.length + strange.length > 0) {
      expect(
        store.damage.length,
        `${file}: silently lost ${lost.join(', ')}; came back ${strange.join(', ')}`,
      ).toBeGreaterThan(0);
    }
    if (store.damage.length > 0) expect(report?.findings, `${file}: ${told}`).not.toEqual([]);
    else expect(report?.findings ?? [], file).toEqual([]);
    const known = store.damage.every(({ count }) => count !== null);
    const counted = store.damage.reduce((sum, { count }) => sum + (count ?? 0), 0);
    // A record of the log may be for both queues.
    if (known) expect(lost.length, `${file}: ${told}; lost ${lost.join(', ')}`).toBeLessThanOrEqual(counted * 2);
    // What is damaged is kept, byte by byte, until somebody takes it away.
    if (store.damage.length > 0 && bytes !== null && bytes.length > 0) {
      const kept = filesIn(copy).some(
        (name) => name !== 'damaged/found.jsonl' && bytes.equals(readFileSync(join(copy, name))),
      );
      const isValue = store.damage.every(({ kept }) => kept?.endsWith('-values.jsonl'));
      expect(kept || isValue, `${file}: not kept; ${told}`).toBe(true);
    }
    await store.close();
    const again = await open(copy, file);
    expect(await contentsOf(again), `${file}: ${told}`).toEqual(found);
    await again.close();
  }
});

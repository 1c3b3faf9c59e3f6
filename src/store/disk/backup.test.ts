import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, describe, expect, it, vi } from 'vitest';
import { createMemoryStore } from '../memory/memory-store.ts';
import { originOf } from '../origins.ts';
import type { QueueEntry, Store } from '../port.ts';
import { Table } from './table/table.ts';
import { openSmall, storedMessage, targetOf } from './testing/small-store.ts';

const base = mkdtempSync(join(tmpdir(), 'sonde-backup-'));
afterAll(() => rmSync(base, { recursive: true, force: true }));
const newFolder = (): string => mkdtempSync(join(base, 'store-'));

const message = (bytes: number) => storedMessage(`t/${bytes}`, Buffer.alloc(bytes, bytes));

type Step =
  | { readonly do: 'append'; readonly queues: readonly number[]; readonly bytes: number }
  | { readonly do: 'ack' | 'ackThrough'; readonly queue: number; readonly nth: number }
  | { readonly do: 'drop'; readonly queue: number }
  | { readonly do: 'put'; readonly key: string; readonly value: string | null };

const queue = fc.nat({ max: 2 });
const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      do: fc.constant('append' as const),
      queues: fc.uniqueArray(queue),
      bytes: fc.nat({ max: 3000 }),
    }),
  },
  {
    weight: 5,
    arbitrary: fc.record({
      do: fc.constantFrom('ack' as const, 'ackThrough' as const),
      queue,
      nth: fc.nat({ max: 9 }),
    }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('drop' as const), queue }) },
  {
    weight: 3,
    arbitrary: fc.record({
      do: fc.constant('put' as const),
      key: fc.constantFrom('a', 'b', 'c'),
      value: fc.option(fc.string()),
    }),
  },
);

/** One step, in one turn, with the number of steps until now beside it: a state says after which step it was. */
async function perform(store: Store, each: Step, steps: number): Promise<void> {
  const of = (n: number): number => store.openQueue(`q${n}`);
  const entries = 'nth' in each ? await store.read(of(each.queue), 0, each.nth + 1, 1e9) : [];
  const entry = entries.at(-1);
  store.put('session', 'steps', Buffer.from(String(steps)));
  if (each.do === 'append') store.append(message(each.bytes), each.queues.map(of).map(targetOf));
  else if (each.do === 'put' && each.value === null) store.remove('retained', each.key);
  else if (each.do === 'put') store.put('retained', each.key, Buffer.from(each.value ?? ''));
  else if (each.do === 'drop') store.dropQueue(of(each.queue));
  else if (each.do === 'ack' && entry) store.ack(of(each.queue), entry.number);
  else if (each.do === 'ackThrough' && entry) store.ackThrough(of(each.queue), entry.number);
}

async function tableOf(store: Store, name: 'session' | 'retained'): Promise<string[]> {
  const found: string[] = [];
  for await (const [key, value] of store.entries(name)) found.push(`${key}=${Buffer.from(value)}`);
  return found.sort();
}

async function stateOf(store: Store): Promise<unknown> {
  const queues = [];
  for (let n = 0; n < 3; n++) {
    const entries = await store.read(store.openQueue(`q${n}`), 0, 1e6, 1e12);
    queues.push(entries.map(({ message: { topic, payload } }) => [topic, payload.length]));
  }
  return { queues, retained: await tableOf(store, 'retained') };
}

async function expected(steps: readonly Step[]): Promise<unknown> {
  const store = createMemoryStore();
  for (const [i, each] of steps.entries()) await perform(store, each, i + 1);
  return stateOf(store);
}

describe('a backup of the store on disk', () => {
  it('that is made while writing goes on is the store of one moment', async () => {
    let later = 0;
    await fc.assert(
      fc.asyncProperty(
        fc.array(step, { minLength: 1, maxLength: 80 }),
        fc.nat({ max: 60 }),
        fc.nat({ max: 6 }),
        async (steps, backupAt, commitEach) => {
          const folder = newFolder();
          const copied = newFolder();
          const store = await openSmall(folder);
          let backup: Promise<void> | null = null;
          let before = 0;
          for (const [i, each] of steps.entries()) {
            if (i === Math.min(backupAt, steps.length - 1)) {
              before = i;
              backup = store.backup(copied);
            }
            await perform(store, each, i + 1);
            if (i % (commitEach + 1) === 0) await store.commit();
          }
          await backup;
          await store.close();
          const copy = await openSmall(copied);
          expect(copy.damage).toEqual([]);
          const [said = 'steps=0'] = await tableOf(copy, 'session');
          const done = Number(said.slice('steps='.length));
          expect(done).toBeGreaterThanOrEqual(before);
          if (done > before) later += 1;
          expect(await stateOf(copy)).toEqual(await expected(steps.slice(0, done)));
          await copy.close();
          // What was opened again and went on is a store like any other.
          const again = await openSmall(copied);
          expect(await stateOf(again)).toEqual(await expected(steps.slice(0, done)));
          await again.close();
          rmSync(folder, { recursive: true });
          rmSync(copied, { recursive: true });
        },
      ),
      { numRuns: 40 },
    );
    // Else nothing was written during a backup, and this test would show nothing.
    expect(later).toBeGreaterThan(5);
  }, 120_000);

  it('has a change that the table had not yet when it was copied, however many segments could go meanwhile', async () => {
    const folder = newFolder();
    const copied = newFolder();
    const store = await openSmall(folder, { tableMs: 1e9 });
    const id = store.openQueue('q');
    store.put('retained', 'late', Buffer.from('yes'));
    await store.commit();
    const copyTable = Object.getOwnPropertyDescriptor(Table.prototype, 'backup')?.value as Table['backup'];
    const slow = vi.spyOn(Table.prototype, 'backup').mockImplementation(async function (this: Table, to: string) {
      await copyTable.call(this, to);
      for (let round = 0; round < 6; round++) {
        for (let i = 0; i < 10; i++) store.ackThrough(id, store.append(message(2000), [targetOf(id)]));
        await store.commit();
        // The table follows now, and segments would become free.
        await store.caughtUp();
      }
    });
    await store.backup(copied);
    slow.mockRestore();
    await store.close();
    const copy = await openSmall(copied);
    expect(await tableOf(copy, 'retained')).toContain('late=yes');
    await copy.close();
  });

  it('can be read by its owner only, and lets the store free its segments again', async () => {
    const folder = newFolder();
    const copied = newFolder();
    const store = await openSmall(folder);
    const id = store.openQueue('q');
    for (let i = 0; i < 100; i++) store.append(message(2000), [targetOf(id)]);
    await store.commit();
    const backup = store.backup(copied);
    store.ackThrough(id, 100);
    await store.commit();
    await backup;
    for (const name of ['FORMAT', 'table/data.mdb', ...readdirSync(join(copied, 'log')).map((n) => `log/${n}`)]) {
      expect([name, statSync(join(copied, name)).mode & 0o777]).toEqual([name, 0o600]);
    }
    for (let i = 0; i < 40; i++) {
      const number = store.append(message(2000), [targetOf(id)]);
      store.ackThrough(id, number);
      await store.commit();
      await store.caughtUp();
    }
    expect(readdirSync(join(folder, 'log')).length).toBeLessThan(8);
    await store.close();
  });

  it('is a store of its own: a new incarnation that knows whose messages it has, in each copy another', async () => {
    const folder = newFolder();
    const copied = newFolder();
    const store = await openSmall(folder);
    const id = store.openQueue('q');
    const last = store.append(message(1), [targetOf(id)]);
    await store.backup(copied);
    const after = store.append(message(2), [targetOf(id)]);
    await store.close();

    const twin = newFolder();
    cpSync(copied, twin, { recursive: true });
    const [one, other] = [await openSmall(copied), await openSmall(twin)];
    expect(one.incarnation).not.toBe(store.incarnation);
    expect(one.incarnation).not.toBe(other.incarnation);
    for (const copy of [one, other]) {
      expect(copy.origins).toEqual([{ incarnation: store.incarnation, upTo: last }]);
      const queue = copy.openQueue('q');
      expect((await copy.read(queue, 0, 10, 1e6)).map((entry: QueueEntry) => entry.number)).toEqual([last]);
      expect(originOf(copy, last).incarnation).toBe(store.incarnation);
      const own = copy.append(message(3), [targetOf(queue)]);
      expect(own).toBeGreaterThanOrEqual(after);
      expect(originOf(copy, own).incarnation).toBe(copy.incarnation);
    }

    // And a copy of a copy.
    const third = newFolder();
    const upTo = one.append(message(4), [targetOf(one.openQueue('q'))]);
    await one.backup(third);
    await Promise.all([one.close(), other.close()]);
    const grandchild = await openSmall(third);
    expect(grandchild.origins).toEqual([
      { incarnation: store.incarnation, upTo: last },
      { incarnation: one.incarnation, upTo },
    ]);
    await grandchild.close();
  });

  it('never gives a number again that a process before had given, written or not', async () => {
    const folder = newFolder();
    const first = await openSmall(folder);
    const id = first.openQueue('q');
    const written = first.append(message(1), [targetOf(id)]);
    await first.commit();
    const found = newFolder();
    const unwritten = first.append(message(2), [targetOf(id)]);
    cpSync(folder, found, { recursive: true });
    await first.close();

    let crashed = await openSmall(found);
    const next = crashed.append(message(3), [targetOf(id)]);
    expect(next).toBeGreaterThan(unwritten);
    expect((await crashed.read(id, 0, 10, 1e6)).map(({ number }) => number)).toEqual([written, next]);
    // Nothing of this process came to the disk but that it was started.
    const again = newFolder();
    cpSync(found, again, { recursive: true });
    await crashed.close();
    crashed = await openSmall(again);
    expect(crashed.append(message(4), [targetOf(id)])).toBeGreaterThan(next);
    await crashed.close();
    expect(JSON.parse(readFileSync(join(again, 'FORMAT'), 'utf8'))).toMatchObject({
      format: 'sonde-store',
      version: 1,
    });
  });
});

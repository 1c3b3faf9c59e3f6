import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { messageOf } from '../../../base/index.ts';
import type { DiskStore } from '../disk-store.ts';
import { openSmall } from '../testing/small-store.ts';
import { copyTableInChild } from './copy-child.ts';

const base = mkdtempSync(join(tmpdir(), 'sonde-copy-'));
const folder = join(base, 'store');
const VALUES = 1500;
let store: DiskStore;
let copies = 0;

/** A table of some 25 MB, so that its copy takes its time. */
beforeAll(async () => {
  store = await openSmall(folder, { copyTable: copyTableInChild, segmentBytes: 1024 * 1024 });
  for (let n = 0; n < VALUES; n++) {
    store.put('retained', `t/${n}`, Buffer.alloc(16_000, n));
    if (n % 100 === 0) await store.commit();
  }
  await inTable();
}, 60_000);
afterAll(async () => {
  await store.close();
  rmSync(base, { recursive: true, force: true });
});

/** Waits until the table has all that was put; answers how many values it has. */
async function inTable(of = store): Promise<number> {
  await of.commit();
  let count = 0;
  for await (const _ of of.entries('retained')) count += 1;
  return count;
}

function target(): string {
  copies += 1;
  const to = join(base, `copy-${copies}`);
  mkdirSync(to);
  return to;
}

/** Resolves in the turn in which something is in the file: LMDB reads the table now. */
async function appears(file: string): Promise<void> {
  while ((statSync(file, { throwIfNoEntry: false })?.size ?? 0) === 0) {
    await new Promise((resolve) => setImmediate(resolve));
  }
}

/** Why a backup was not made. */
function endOf(backup: Promise<void>): Promise<string> {
  return backup.then(() => 'it was made', messageOf);
}

/** The process that this one has begun last. */
function lastChild(): number {
  const children = readFileSync(`/proc/${process.pid}/task/${process.pid}/children`, 'utf8');
  return Number(children.trim().split(' ').at(-1));
}

describe('a copy of the table in a child process', () => {
  it('has all of it, for its owner only, while the store goes on', async () => {
    const to = target();
    const backup = store.backup(to);
    await appears(join(to, 'table', 'data.mdb'));
    store.put('retained', 'later', Buffer.from('x'));
    await inTable();
    await backup;
    if (process.platform !== 'win32') expect(statSync(join(to, 'table', 'data.mdb')).mode & 0o777).toBe(0o600);
    const copy = await openSmall(to);
    expect(copy.damage).toEqual([]);
    expect(await inTable(copy)).toBeGreaterThanOrEqual(VALUES);
    await copy.close();
    store.remove('retained', 'later');
    await inTable();
  }, 60_000);

  it('is ended by a stop at once, and leaves nothing', async () => {
    const to = target();
    const stop = new AbortController();
    const end = endOf(store.backup(to, stop.signal));
    await appears(join(to, 'table', 'data.mdb'));
    stop.abort();
    const since = performance.now();
    expect(await end).toBe('Sonde was stopped during the backup');
    expect(performance.now() - since).toBeLessThan(1000);
    expect(readdirSync(to)).toEqual([]);
    // And who comes when it is stopped already gets no copy at all.
    await expect(store.backup(to, stop.signal)).rejects.toThrow('Sonde was stopped');
  }, 60_000);

  it.skipIf(process.platform !== 'linux')(
    'that is killed fails the backup alone, and its reader holds no pages back',
    async () => {
      const to = target();
      const end = endOf(store.backup(to));
      await appears(join(to, 'table', 'data.mdb'));
      process.kill(lastChild(), 'SIGKILL');
      expect(await end).toContain('the table could not be copied (SIGKILL)');
      expect(readdirSync(to)).toEqual([]);
      // All values anew, again and again: the pages of the old ones are used again.
      const before = store.tableBytes();
      for (let round = 0; round < 4; round++) {
        for (let n = 0; n < VALUES; n++) {
          store.put('retained', `t/${n}`, Buffer.alloc(16_000, n + round));
          if (n % 100 === 0) await store.commit();
        }
        await inTable();
      }
      expect(store.tableBytes()).toBeLessThan(before * 3);
    },
    60_000,
  );
});

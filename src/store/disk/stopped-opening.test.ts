import { cpSync, existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { inspectHere } from './testing/inspect-here.ts';
import { openSmall, storedMessage, targetOf } from './testing/small-store.ts';

let scratch: string;
let folder: string;

beforeEach(() => {
  scratch = mkdtempSync(join(tmpdir(), 'sonde-stopped-'));
  folder = join(scratch, 'store');
});
afterEach(() => rmSync(scratch, { recursive: true, force: true }));

/** A store with a message, closed in good order; or, as a kill leaves it, copied before that. */
async function fill(isKilled: boolean): Promise<void> {
  const store = await openSmall(folder);
  store.append(storedMessage('t', Buffer.from('kept')), [targetOf(store.openQueue('away'))]);
  await store.commit();
  await store.caughtUp();
  if (isKilled) cpSync(folder, join(scratch, 'killed'), { recursive: true });
  await store.close();
  if (isKilled) folder = join(scratch, 'killed');
}

async function topics(): Promise<readonly string[]> {
  const store = await openSmall(folder);
  expect(store.damage).toEqual([]);
  const page = await store.read(store.openQueue('away'), 0, 10, 1e6);
  await store.close();
  return page.map(({ message }) => message.topic);
}

it.each([
  ['at once', false],
  ['while the child looks at the table', true],
] as const)('an opening that is to stop %s leaves the store as it was', async (_, isKilled) => {
  await fill(isKilled);
  const wasClean = existsSync(join(folder, 'CLEAN'));
  const controller = new AbortController();
  if (!isKilled) controller.abort();
  const opening = openSmall(folder, {
    stop: controller.signal,
    inspect: async (path, stop) => {
      controller.abort();
      expect(stop?.aborted).toBe(true);
      return inspectHere(path);
    },
  });
  await expect(opening).rejects.toThrow(/aborted/);
  expect(existsSync(join(folder, 'CLEAN'))).toBe(wasClean);
  expect(await topics()).toEqual(['t']);
});

it('one that is to stop while it reads the log does not look like one that LMDB ended', async () => {
  await fill(true);
  const controller = new AbortController();
  let looks = 0;
  const signal = {
    get aborted() {
      return controller.signal.aborted;
    },
    get reason() {
      return controller.signal.reason;
    },
    throwIfAborted() {
      looks += 1;
      // The table is open by then.
      if (existsSync(join(folder, 'OPENING'))) controller.abort();
      controller.signal.throwIfAborted();
    },
    addEventListener() {},
    removeEventListener() {},
  } as unknown as AbortSignal;
  await expect(openSmall(folder, { stop: signal })).rejects.toThrow(/aborted/);
  expect(looks).toBeGreaterThan(2);
  expect(existsSync(join(folder, 'OPENING'))).toBe(false);
  expect(await topics()).toEqual(['t']);
});

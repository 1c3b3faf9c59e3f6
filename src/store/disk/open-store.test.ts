import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { OperatorError, silentLogger, systemClock } from '../../base/index.ts';
import { openDiskStore } from './open-store.ts';

let folder: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'sonde-open-'));
});
afterEach(() => {
  vi.useRealTimers();
  rmSync(folder, { recursive: true, force: true });
});

const open = () => openDiskStore({ folder, clock: systemClock(), logger: silentLogger, durability: 'sync' });

it('names the folder, what the system said, and what to do', async () => {
  writeFileSync(join(folder, 'log'), '');
  const error = await open().catch((thrown: unknown) => thrown);
  expect(error).toBeInstanceOf(OperatorError);
  const { message, advice } = error as OperatorError;
  expect(message).toContain(`the store ${folder} cannot be opened: EEXIST`);
  expect(advice).toContain('Look at that folder');
});

it('leaves a refusal that has its own advice as it is', async () => {
  mkdirSync(join(folder, 'FORMAT'));
  await expect(open()).rejects.toThrow(/FORMAT/);
});

it('says after 5 s, then every 10 s, that it is still at it, and no more when it is done', async () => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
  const said: string[] = [];
  const logger = { ...silentLogger, info: (_: object, text: string) => void said.push(text) };
  writeFileSync(join(folder, 'log'), ''); // it ends with a refusal
  const opening = openDiskStore({ folder, clock: systemClock(), logger, durability: 'sync' });
  vi.advanceTimersByTime(4_999);
  expect(said).toEqual([]);
  vi.advanceTimersByTime(1);
  expect(said).toEqual([expect.stringContaining('still being opened')]);
  vi.advanceTimersByTime(20_000);
  expect(said).toHaveLength(3);
  await expect(opening).rejects.toThrow('cannot be opened');
  vi.advanceTimersByTime(60_000);
  expect(said).toHaveLength(3);
});

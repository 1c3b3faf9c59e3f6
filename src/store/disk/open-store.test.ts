import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { OperatorError, silentLogger, systemClock } from '../../base/index.ts';
import { openDiskStore } from './open-store.ts';

let folder: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'sonde-open-'));
});
afterEach(() => {
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

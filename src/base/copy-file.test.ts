import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { copyFile } from './copy-file.ts';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'sonde-copy-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));
const at = (name: string): string => join(folder, name);

it('a copy has all of the file, or as much as asked for behind another beginning', async () => {
  const bytes = Buffer.alloc(600_000, 'abcdefg');
  writeFileSync(at('from'), bytes);
  await copyFile(at('from'), at('all'));
  expect(readFileSync(at('all')).equals(bytes)).toBe(true);
  await copyFile(at('from'), at('part'), { head: Buffer.from('XY'), end: 5 });
  expect(readFileSync(at('part'), 'latin1')).toBe('XYcde');
});

it('of a file that is not there no empty one is made', async () => {
  await expect(copyFile(at('absent'), at('to'))).rejects.toThrow('ENOENT');
  expect(existsSync(at('to'))).toBe(false);
});

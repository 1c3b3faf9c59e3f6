import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import * as fs from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, it } from 'vitest';
import { syncFolder } from '../../../base/index.ts';
import { type LogFolder, SegmentFiles } from './segment-files.ts';

const base = mkdtempSync(join(tmpdir(), 'sonde-segments-'));
afterAll(() => rmSync(base, { recursive: true, force: true }));

it('a segment whose header cannot be written leaves no file behind, however often it is tried', async () => {
  const folder = mkdtempSync(join(base, 'log-'));
  let isBroken = true;
  const on: LogFolder = {
    open: async (path, flags) => {
      const handle = await fs.open(path, flags, 0o600);
      const write = handle.write.bind(handle) as (bytes: Buffer, at: number, length: number, to: number) => unknown;
      return Object.assign(handle, {
        write: (bytes: Buffer, at: number, length: number, to: number) => {
          const isHeader = bytes[at] !== 0;
          if (isHeader && isBroken) throw new Error('EIO');
          return write(bytes, at, length, to);
        },
      });
    },
    unlink: fs.unlink,
    sync: syncFolder,
  };
  const files = new SegmentFiles(folder, 64 * 1024, 1, on);
  const incarnation = '00112233-4455-6677-8899-aabbccddeeff';
  const header = { salt: 1, incarnation, nextNumber: 1, anew: true, beforeEnd: 0 };
  for (let n = 0; n < 5; n++) {
    await expect(files.begin({ ...header, sequence: 1, bytes: 64 * 1024 })).rejects.toThrow('EIO');
    await expect(files.begin({ ...header, sequence: 2, bytes: 128 * 1024 })).rejects.toThrow('EIO');
  }
  expect(readdirSync(folder)).toHaveLength(1);
  isBroken = false;
  expect((await files.begin({ ...header, sequence: 1, bytes: 64 * 1024 })).bytes).toBe(64 * 1024);
  expect((await files.begin({ ...header, sequence: 2, bytes: 128 * 1024 })).bytes).toBe(128 * 1024);
  expect(readdirSync(folder)).toHaveLength(2);
  await files.close();
});

import { mkdtempSync, rmSync } from 'node:fs';
import * as fs from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { manualClock, syncFolder } from '../../../base/index.ts';
import { RecordKind } from './layout.ts';
import { LogWriter } from './log-writer.ts';
import { readLog } from './open-log.ts';
import type { LogFolder } from './segment-files.ts';

const base = mkdtempSync(join(tmpdir(), 'sonde-async-'));
afterAll(() => rmSync(base, { recursive: true, force: true }));

const INCARNATION = '00112233-4455-6677-8899-aabbccddeeff';

/** A writer that syncs once a second, with a clock of the test's and a count of its syncs. */
async function asyncWriter() {
  const folder = mkdtempSync(join(base, 'log-'));
  let syncs = 0;
  const on: LogFolder = {
    open: async (path, flags) => {
      const handle = await fs.open(path, flags, 0o600);
      const datasync = handle.datasync.bind(handle);
      return Object.assign(handle, {
        datasync: async () => {
          syncs += 1;
          await datasync();
        },
      });
    },
    unlink: fs.unlink,
    sync: syncFolder,
  };
  const { files } = await readLog(folder, INCARNATION, { on });
  const clock = manualClock();
  const writer = new LogWriter({
    files,
    clock,
    incarnation: INCARNATION,
    firstSequence: 1,
    nextNumber: () => 1,
    pauseMs: 0,
    syncEveryMs: 1000,
    events: { failed: () => {}, recovered: () => {} },
  });
  const record = (): Promise<void> | null => {
    const batch = writer.room(8);
    const at = batch.open(RecordKind.acks, 0, 8);
    batch.bytes.fill(0, at, at + 8);
    batch.close(at, 8);
    return writer.commit();
  };
  return { folder, files, clock, writer, record, syncs: () => syncs };
}

describe('a log that is synced now and then', () => {
  it('has a batch in its file at once, and syncs once a second and when it is asked to', async () => {
    const { clock, writer, record, files, syncs } = await asyncWriter();
    await record();
    const first = syncs(); // the first write begins a second
    for (let n = 0; n < 5; n++) await record();
    expect(syncs()).toBe(first);
    const written = Buffer.alloc(64);
    await files.fileOf(1)?.handle.read(written, 0, 64, 4096);
    expect(written.equals(Buffer.alloc(64))).toBe(false);
    clock.advance(1000);
    await record();
    expect(syncs()).toBe(first + 1);
    await record();
    expect(syncs()).toBe(first + 1);
    await writer.mark().synced;
    expect(syncs()).toBe(first + 2);
    await record();
    await writer.close();
    expect(syncs()).toBe(first + 3);
    await files.close();
  });

  it('says that a place was synced only when it was', async () => {
    const { clock, writer, record, files } = await asyncWriter();
    await record();
    const { offset } = writer.synced;
    await record();
    expect(writer.synced.offset).toBe(offset);
    clock.advance(1000);
    await record();
    expect(writer.synced.offset).toBeGreaterThan(offset);
    await writer.close();
    await files.close();
  });
});

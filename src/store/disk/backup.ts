import { chmod, mkdir, open, rm } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { copyFile, OperatorError, syncFolder } from '../../base/index.ts';
import { type CopyTable, stopped } from './copy/copy-child.ts';
import { type StoreFormat, writeFormat } from './format.ts';
import type { DiskLog } from './log/disk-log.ts';
import { FIRST_RECORD } from './log/layout.ts';
import { decodeHeader, encodeHeader } from './log/segment-header.ts';
import type { Table } from './table/table.ts';

const LOOK_MS = 200;

export type Copied = {
  readonly log: DiskLog;
  readonly table: Table;
  readonly format: StoreFormat;
  readonly copyTable: CopyTable;
  /** Nobody wants the copy any more. */
  readonly stop: AbortSignal;
};

/**
 * Copies a store while it is in use. The caller frees no segment meanwhile.
 *
 * The table first, the log after it, up to one place. The table's copy has a state of before that place, and since no segment
 * was freed between, the log's copy has every change that the table's lacks: opening the copy applies them once more, as
 * after a crash, and comes to the state of that place. The other way round the table's copy could have changes of behind the
 * place, some of them and others not: a state that never was.
 */
export async function copyStore(copied: Copied, folder: string): Promise<void> {
  try {
    await copyParts(copied, folder);
  } catch (error) {
    for (const part of ['table', 'log']) await rm(join(folder, part), { recursive: true, force: true });
    throw error;
  }
}

async function copyParts({ log, table, format, copyTable, stop }: Copied, folder: string): Promise<void> {
  await mkdir(join(folder, 'table'), { recursive: true, mode: 0o700 });
  await mkdir(join(folder, 'log'), { mode: 0o700 });
  await copyTable(table, join(folder, 'table'), stop);
  await syncFile(join(folder, 'table', 'data.mdb'));
  await syncFolder(join(folder, 'table'));

  // Of one moment: all messages up to this number are before this place, and all others behind it.
  const copiedAt = log.lastNumber;
  const { place, synced } = log.mark();
  await settled(synced, () => log.writer.failing, stop);

  for (const sequence of log.files.sequences) {
    if (sequence > place.sequence) break;
    const file = log.files.fileOf(sequence);
    if (file === undefined) continue;
    if (stop.aborted) throw stopped();
    const to = join(folder, 'log', basename(file.path));
    if (sequence < place.sequence) await copyFile(file.path, to);
    else await copyEnd(file.path, to, place.offset);
  }
  await syncFolder(join(folder, 'log'));
  // Last: without it the folder is no store.
  await writeFormat(folder, { ...format, numbersAfter: copiedAt, copiedAt });
}

/** The last segment, as far as the place: it is shorter than the others, and says so. */
async function copyEnd(from: string, to: string, end: number): Promise<void> {
  const block = Buffer.alloc(FIRST_RECORD);
  const handle = await open(from, 'r');
  try {
    await handle.read(block, 0, block.length, 0);
  } finally {
    await handle.close();
  }
  const header = decodeHeader(block);
  if (header === null || typeof header === 'number') throw new Error(`${from} has lost its header`);
  await copyFile(from, to, { end, head: encodeHeader({ ...header, bytes: end }) });
}

/** Waits until the log is on disk; not for a disk that takes nothing, and not in a stop. */
async function settled(synced: Promise<void>, failing: () => boolean, stop: AbortSignal): Promise<void> {
  let done = false;
  const finished = synced.then(() => {
    done = true;
  });
  while (!done) {
    let timer: NodeJS.Timeout | undefined;
    const look = new Promise<void>((resolve) => {
      timer = setTimeout(resolve, LOOK_MS);
    });
    await Promise.race([finished, look]);
    clearTimeout(timer);
    if (!done && stop.aborted) throw stopped();
    if (!done && failing()) {
      throw new OperatorError('the store cannot be written at the moment', 'See the log for why, and back up again.');
    }
  }
}

async function syncFile(path: string): Promise<void> {
  await chmod(path, 0o600);
  const handle = await open(path, 'r+');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

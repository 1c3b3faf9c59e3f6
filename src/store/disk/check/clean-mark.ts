import { open, readFile, rename, unlink } from 'node:fs/promises';
import { join } from 'node:path';
import { syncFolder, systemCode } from '../../../base/index.ts';
import type { Place } from '../log/layout.ts';
import { openSealed, sealLine } from '../sealed-line.ts';
import type { FileSum } from './inspect-table.ts';

/** Written when a store was closed in good order, and gone before the next one writes anything. */
export type CleanMark = {
  /** The log ends here: all before it is good. */
  readonly log: Place;
  readonly table: FileSum;
};

const NAME = 'CLEAN';

/** What the last stop left behind; null: it was none, or what it left cannot be read. */
export async function readCleanMark(folder: string): Promise<CleanMark | null> {
  const text = await readFile(join(folder, NAME), 'utf8').catch(() => null);
  const said = text === null ? null : (openSealed(text) as { log?: Place; table?: FileSum } | null);
  return said?.log === undefined || said.table === undefined ? null : { log: said.log, table: said.table };
}

/** From now on whatever happens is no clean stop. On disk with `beginOpening`, before anything is written. */
export async function removeCleanMark(folder: string): Promise<void> {
  await removeMark(folder, NAME);
}

export async function writeCleanMark(folder: string, { log, table }: CleanMark): Promise<void> {
  await writeDurably(folder, NAME, sealLine({ log, table }));
}

/** A start that dies while LMDB opens the table leaves this behind. It has LMDB's words, where there were any. */
const OPENING = 'OPENING';

export async function beginOpening(folder: string): Promise<void> {
  // It is there or not; there is nothing in it to be synced.
  await (await open(join(folder, OPENING), 'w', 0o600)).close();
  await syncFolder(folder);
}

/** The caller syncs the folder; until then a power cut costs the next start no more than a look at the table. */
export async function endOpening(folder: string): Promise<void> {
  await removeMark(folder, OPENING);
}

/** LMDB calls the table damaged: the next start begins it anew, whatever else is found. */
export async function noteDamage(folder: string, words: string): Promise<void> {
  await writeDurably(folder, OPENING, words);
}

/** What the last start, which died while it opened the table, left of LMDB's words; null: it did not die. */
export async function diedOpening(folder: string): Promise<string | null> {
  return readFile(join(folder, OPENING), 'utf8').catch(() => null);
}

/** Writes a small file anew, in one step, so that it is there whole or as it was. */
export async function writeDurably(folder: string, name: string, text: string): Promise<void> {
  await writeWhole(folder, name, text);
  await syncFolder(folder);
}

/** As `writeDurably`, but the caller syncs the folder. */
export async function writeWhole(folder: string, name: string, text: string): Promise<void> {
  const path = join(folder, name);
  const handle = await open(`${path}.new`, 'w', 0o600);
  try {
    await handle.writeFile(text);
    await handle.sync();
  } finally {
    await handle.close();
  }
  await rename(`${path}.new`, path);
}

async function removeMark(folder: string, name: string): Promise<void> {
  try {
    await unlink(join(folder, name));
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return;
    throw error;
  }
}

import { randomInt, randomUUID } from 'node:crypto';
import { mkdir, open, readdir, readFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { type Clock, type Logger, messageOf, OperatorError, syncFolder, systemCode } from '../../base/index.ts';
import type { Origin } from '../port.ts';
import { writeDurably, writeWhole } from './check/clean-mark.ts';
import { type Damage, exists, setAside } from './damage.ts';
import { FIRST_RECORD } from './log/layout.ts';
import { readWhole } from './log/read-whole.ts';
import { decodeHeader, encodeHeader } from './log/segment-header.ts';
import { openSealed, sealLine } from './sealed-line.ts';

const NAME = 'FORMAT';
const FORMAT = 'sonde-store';
const VERSION = 1;
/** Each start leaves out so many numbers: more messages than a process has in memory that are not in the log yet. */
const NUMBERS_A_START = 2 ** 30;

/** What a store's folder says of itself. */
export type StoreFormat = {
  readonly incarnation: string;
  readonly origins: readonly Origin[];
  /** Messages get greater numbers than this one. */
  readonly numbersAfter: number;
  /** This is a copy of that incarnation, made when this was its last number, and has not been opened yet; null: no copy. */
  readonly copiedAt: number | null;
};

/** What is in a folder, as far as its FORMAT tells. */
export type FoundFormat =
  | { readonly is: 'store'; readonly format: StoreFormat; readonly version: number }
  | { readonly is: 'nothing' }
  /** There is a store, but its FORMAT is not there or cannot be believed. */
  | { readonly is: 'damaged'; readonly what: string };

/** What a store is opened with. `remade`: FORMAT was lost, and is not written yet. */
export type OpenedFormat = StoreFormat & { readonly is: 'found' | 'new' | 'remade' };

/** Makes a store of the version that it is for into one of the next. Version 1 is the first: there is none yet. */
type Migration = (folder: string) => Promise<void>;
const MIGRATIONS: Readonly<Record<number, Migration>> = {};

/**
 * Reads what the folder is, or makes it a new store; a copy begins a life of its own. A FORMAT that is damaged is made anew
 * from what the log says. Throws an OperatorError for what cannot be used.
 */
export async function openFormat(
  folder: string,
  clock: Clock,
  damaged: (damage: Damage) => void,
): Promise<OpenedFormat> {
  await mkdir(folder, { recursive: true, mode: 0o700 });
  const found = await lookAtFormat(folder);
  if (found.is === 'store') {
    const { format, version } = found;
    for (let from = version; from < VERSION; from++) await MIGRATIONS[from]?.(folder);
    if (version < VERSION) await writeFormat(folder, format);
    return { ...(format.copiedAt === null ? format : await beginLife(folder, format)), is: 'found' };
  }
  // Which numbers were given nobody knows now: `numbersOfStart` and the log's own leap are far beyond them.
  const known = found.is === 'damaged' ? await incarnationOfLog(folder) : null;
  const format = { incarnation: known ?? randomUUID(), origins: [], numbersAfter: 0, copiedAt: null };
  if (found.is === 'damaged') {
    const file = join(folder, NAME);
    const kept = (await exists(file)) ? await setAside(folder, file, clock) : null;
    damaged({ file, what: found.what, count: 0, which: [], kept });
    // Written when the table has been asked, too: one that says less than there was would be believed.
    return { ...format, is: 'remade' };
  }
  // Its name is durable with that of OPENING, before there is anything else.
  await writeWhole(folder, NAME, lineOf(format));
  return { ...format, is: 'new' };
}

/** Null: there is none. Throws an OperatorError for one that is damaged. */
export async function readFormat(folder: string): Promise<StoreFormat | null> {
  const found = await lookAtFormat(folder);
  if (found.is === 'store') return found.format;
  if (found.is === 'nothing') return null;
  throw new OperatorError(
    `${join(folder, NAME)} is damaged: ${found.what}`,
    'Start Sonde with this folder, or restore a backup.',
  );
}

/** Looks without changing anything. Throws an OperatorError for a store of a newer Sonde, and for what is none. */
export async function lookAtFormat(folder: string): Promise<FoundFormat> {
  const path = join(folder, NAME);
  const text = await readFile(path, 'utf8').catch((error: unknown) => {
    const code = systemCode(error);
    if (code === 'ENOENT') return null;
    if (code === 'EIO') return '';
    throw new OperatorError(`${path} cannot be read: ${messageOf(error)}`, 'Give this user the right to read it.');
  });
  if (text === null) return (await isUsed(folder)) ? { is: 'damaged', what: 'it is missing' } : { is: 'nothing' };
  const said = openSealed(text);
  if (said === null) return { is: 'damaged', what: 'it is not what was written' };
  return parse(said, path);
}

/** Whether there is a store, whatever its FORMAT says. */
async function isUsed(folder: string): Promise<boolean> {
  const names = await readdir(join(folder, 'log')).catch(() => []);
  return names.some((name) => name.endsWith('.seg')) || (await exists(join(folder, 'table', 'data.mdb')));
}

/** The incarnation that most segments of the log are of; null: none says. */
export async function incarnationOfLog(folder: string): Promise<string | null> {
  const log = join(folder, 'log');
  const votes = new Map<string, number>();
  for (const name of await readdir(log).catch(() => [])) {
    const handle = await open(join(log, name)).catch(() => null);
    if (handle === null) continue;
    try {
      const header = decodeHeader((await readWhole(handle, FIRST_RECORD)).bytes);
      if (header === null || typeof header === 'number') continue;
      votes.set(header.incarnation, (votes.get(header.incarnation) ?? 0) + 1);
    } finally {
      await handle.close();
    }
  }
  return [...votes].sort(([, a], [, b]) => b - a)[0]?.[0] ?? null;
}

export async function writeFormat(folder: string, format: StoreFormat): Promise<void> {
  await writeDurably(folder, NAME, lineOf(format));
}

function lineOf({ incarnation, origins, numbersAfter, copiedAt }: StoreFormat): string {
  const said = { format: FORMAT, version: VERSION, incarnation, origins, numbersAfter };
  return sealLine(copiedAt === null ? said : { ...said, copiedAt });
}

/** Makes the name of the store durable, also when a start that was killed has made it: else a power cut takes all of it. */
export async function syncNameOfStore(folder: string): Promise<void> {
  await syncFolder(dirname(folder));
}

/**
 * The number after which this start goes on. What the process before had numbered but not written may be in history already:
 * those numbers are not given again, or other messages would be taken for those.
 */
export async function numbersOfStart(
  folder: string,
  format: OpenedFormat,
  lastNumber: number,
  logger: Logger,
): Promise<number> {
  if (format.is === 'new') {
    await syncFolder(folder); // OPENING is gone from it
    return lastNumber;
  }
  const numbersAfter = Math.max(format.numbersAfter, lastNumber) + NUMBERS_A_START;
  try {
    await writeFormat(folder, { ...format, numbersAfter });
    return numbersAfter;
  } catch (error) {
    // A full disk is no reason not to start.
    logger.warn({ error: messageOf(error), folder }, 'the store cannot note that it was started');
    return numbersAfter + randomInt(NUMBERS_A_START);
  }
}

/**
 * Makes a copy a store of its own: a new incarnation, which knows whose copy it is. The segments first: a crash in between
 * leaves a copy, which begins anew.
 */
export async function beginLife(folder: string, copy: StoreFormat): Promise<StoreFormat> {
  const upTo = copy.copiedAt ?? copy.numbersAfter;
  const incarnation = randomUUID();
  const log = join(folder, 'log');
  const names = await readdir(log).catch(() => []);
  for (const name of names) if (name.endsWith('.seg')) await renewHeader(join(log, name), incarnation);
  const origins = [...copy.origins, { incarnation: copy.incarnation, upTo }];
  const format = { incarnation, origins, numbersAfter: upTo, copiedAt: null };
  await writeFormat(folder, format);
  return format;
}

/** What opening would do: an unopened copy in the folder begins its life. Nothing else is touched. */
export async function beginStoreLife(folder: string): Promise<void> {
  const found = await readFormat(folder);
  if (found !== null && found.copiedAt !== null) await beginLife(folder, found);
}

async function renewHeader(path: string, incarnation: string): Promise<void> {
  const handle = await open(path, 'r+');
  try {
    const block = Buffer.alloc(FIRST_RECORD);
    await handle.read(block, 0, block.length, 0);
    const header = decodeHeader(block);
    // Whoever reads the log says what is wrong with it.
    if (header === null || typeof header === 'number') return;
    const renewed = encodeHeader({ ...header, incarnation });
    await handle.write(renewed, 0, renewed.length, 0);
    await handle.datasync();
  } finally {
    await handle.close();
  }
}

function parse(said: Readonly<Record<string, unknown>>, path: string): FoundFormat {
  if (said['format'] !== FORMAT) {
    throw new OperatorError(`${path} is not of a store of Sonde`, 'Choose another data folder.');
  }
  const version = Number(said['version']);
  if (version !== VERSION && MIGRATIONS[version] === undefined) {
    const what = `${path} is of version ${String(said['version'])}, which this Sonde does not know`;
    throw new OperatorError(what, 'Start the Sonde that wrote it, or a newer one.');
  }
  const { incarnation, origins = [], numbersAfter = 0, copiedAt = null } = said;
  const isWhole =
    typeof incarnation === 'string' &&
    isNumber(numbersAfter) &&
    (copiedAt === null || isNumber(copiedAt)) &&
    Array.isArray(origins) &&
    origins.every(isOrigin);
  if (!isWhole) return { is: 'damaged', what: 'it does not say what it should' };
  return { is: 'store', format: { incarnation, origins, numbersAfter, copiedAt }, version };
}

export function isOrigin(value: unknown): value is Origin {
  const { incarnation, upTo } = (value ?? {}) as Partial<Origin>;
  return typeof incarnation === 'string' && isNumber(upTo);
}

function isNumber(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}

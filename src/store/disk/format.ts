import { randomInt, randomUUID } from 'node:crypto';
import { mkdir, open, readdir, readFile, rename } from 'node:fs/promises';
import { join } from 'node:path';
import { type Logger, messageOf, OperatorError, systemCode } from '../../base/index.ts';
import type { Origin } from '../port.ts';
import { FIRST_RECORD } from './log/layout.ts';
import { syncFolder } from './log/segment-files.ts';
import { decodeHeader, encodeHeader } from './log/segment-header.ts';

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

/** Reads what the folder is, or makes it a new store; a copy begins a life of its own. Throws an OperatorError for anything else. */
export async function openFormat(folder: string): Promise<StoreFormat & { readonly isNew: boolean }> {
  await mkdir(folder, { recursive: true, mode: 0o700 });
  const found = await readFormat(folder);
  if (found !== null) return { ...(found.copiedAt === null ? found : await beginLife(folder, found)), isNew: false };
  const format = { incarnation: randomUUID(), origins: [], numbersAfter: 0, copiedAt: null };
  await writeFormat(folder, format);
  return { ...format, isNew: true };
}

/** Null: there is none. */
export async function readFormat(folder: string): Promise<StoreFormat | null> {
  const path = join(folder, NAME);
  const text = await readFile(path, 'utf8').catch((error: unknown) => {
    if (systemCode(error) === 'ENOENT') return null;
    throw error;
  });
  return text === null ? null : parse(text, path);
}

export async function writeFormat(folder: string, format: StoreFormat): Promise<void> {
  const path = join(folder, NAME);
  const { copiedAt, ...rest } = format;
  const said = { format: FORMAT, version: VERSION, ...rest, ...(copiedAt === null ? {} : { copiedAt }) };
  const handle = await open(`${path}.new`, 'w', 0o600);
  try {
    await handle.writeFile(`${JSON.stringify(said)}\n`);
    await handle.sync();
  } finally {
    await handle.close();
  }
  await rename(`${path}.new`, path);
  await syncFolder(folder);
}

/**
 * The number after which this start goes on. What the process before had numbered but not written may be in history already:
 * those numbers are not given again, or other messages would be taken for those.
 */
export async function numbersOfStart(
  folder: string,
  format: StoreFormat & { readonly isNew: boolean },
  lastNumber: number,
  logger: Logger,
): Promise<number> {
  if (format.isNew) return lastNumber;
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

function parse(text: string, path: string): StoreFormat {
  let said: { readonly [name: string]: unknown };
  try {
    said = JSON.parse(text) as typeof said;
  } catch {
    throw damaged(path);
  }
  if (said === null || said['format'] !== FORMAT) {
    throw new OperatorError(`${path} is not of a store of Sonde`, 'Choose another data folder.');
  }
  if (said['version'] !== VERSION) {
    const what = `${path} is of version ${String(said['version'])}, which this Sonde does not know`;
    throw new OperatorError(what, 'Start the Sonde that wrote it, or a newer one.');
  }
  const { incarnation, origins = [], numbersAfter = 0, copiedAt = null } = said;
  if (typeof incarnation !== 'string' || !isNumber(numbersAfter) || (copiedAt !== null && !isNumber(copiedAt))) {
    throw damaged(path);
  }
  if (!Array.isArray(origins) || !origins.every(isOrigin)) throw damaged(path);
  return { incarnation, origins, numbersAfter, copiedAt };
}

function isOrigin(value: unknown): value is Origin {
  const { incarnation, upTo } = (value ?? {}) as Partial<Origin>;
  return typeof incarnation === 'string' && isNumber(upTo);
}

function isNumber(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}

function damaged(path: string): OperatorError {
  return new OperatorError(`${path} is damaged`, 'Restore a backup, or move the folder away to begin anew.');
}

import { randomUUID } from 'node:crypto';
import { mkdir, open, readFile, rename } from 'node:fs/promises';
import { join } from 'node:path';
import { OperatorError, systemCode } from '../../base/index.ts';
import { syncFolder } from './log/segment-files.ts';

const NAME = 'FORMAT';
const FORMAT = 'sonde-store';
const VERSION = 1;

/** What a store's folder says of itself. */
export type StoreFormat = { readonly incarnation: string; readonly isNew: boolean };

/** Reads what the folder is, or makes it a new store. Throws an OperatorError for anything else. */
export async function openFormat(folder: string): Promise<StoreFormat> {
  await mkdir(folder, { recursive: true, mode: 0o700 });
  const path = join(folder, NAME);
  const text = await readFile(path, 'utf8').catch((error: unknown) => {
    if (systemCode(error) === 'ENOENT') return null;
    throw error;
  });
  if (text !== null) return { incarnation: incarnationIn(text, path), isNew: false };
  const incarnation = randomUUID();
  await writeFormat(folder, incarnation);
  return { incarnation, isNew: true };
}

/** Begins a new incarnation: of a new store, or of one that was restored. */
export async function writeFormat(folder: string, incarnation: string): Promise<void> {
  const path = join(folder, NAME);
  const handle = await open(`${path}.new`, 'w', 0o600);
  try {
    await handle.writeFile(`${JSON.stringify({ format: FORMAT, version: VERSION, incarnation })}\n`);
    await handle.sync();
  } finally {
    await handle.close();
  }
  await rename(`${path}.new`, path);
  await syncFolder(folder);
}

function incarnationIn(text: string, path: string): string {
  let said: { format?: unknown; version?: unknown; incarnation?: unknown };
  try {
    said = JSON.parse(text) as typeof said;
  } catch {
    throw new OperatorError(`${path} is damaged`, 'Restore a backup, or move the folder away to begin anew.');
  }
  if (said.format !== FORMAT || typeof said.incarnation !== 'string') {
    throw new OperatorError(`${path} is not of a store of Sonde`, 'Choose another data folder.');
  }
  if (said.version !== VERSION) {
    const what = `${path} is of version ${String(said.version)}, which this Sonde does not know`;
    throw new OperatorError(what, 'Start the Sonde that wrote it, or a newer one.');
  }
  return said.incarnation;
}

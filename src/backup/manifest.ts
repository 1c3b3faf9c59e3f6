import { lstat, open, readdir, readFile, rename } from 'node:fs/promises';
import { join, relative, sep } from 'node:path';
import { OperatorError, sumOf, systemCode } from '../base/index.ts';

/**
 * What a backup says of itself, written when all else is there and synced:
 *
 *     {"format":"sonde-backup","version":1,"sonde":"0.1.0","at":"2026-11-21T07:03:00.000Z",
 *      "files":[{"path":"store/FORMAT","bytes":123,"sha256":"..."}, ...]}
 */
export type Manifest = { readonly sonde: string; readonly at: string; readonly files: readonly BackupFile[] };

/** `path` is from the backup's folder, with `/`. */
export type BackupFile = { readonly path: string; readonly bytes: number; readonly sha256: string };

export const MANIFEST = 'backup.json';
const FORMAT = 'sonde-backup';
const VERSION = 1;

/** All files of a folder but the manifest itself and `except`, with their sums. */
export async function describeFiles(
  folder: string,
  except: readonly string[],
  stop?: AbortSignal,
): Promise<BackupFile[]> {
  const files: BackupFile[] = [];
  for (const path of await filesIn(folder)) {
    const name = relative(folder, path).split(sep).join('/');
    if (name !== MANIFEST && !except.includes(name)) files.push({ path: name, ...(await sumOf(path, stop)) });
  }
  return files.sort((a, b) => (a.path < b.path ? -1 : 1));
}

/** Paths of all plain files in a folder and those below it. */
export async function filesIn(folder: string): Promise<string[]> {
  const found: string[] = [];
  for (const name of await readdir(folder)) {
    const path = join(folder, name);
    const is = await lstat(path);
    if (is.isDirectory()) found.push(...(await filesIn(path)));
    else if (is.isFile()) found.push(path);
  }
  return found;
}

export async function writeManifest(folder: string, manifest: Manifest): Promise<void> {
  const path = join(folder, MANIFEST);
  const handle = await open(`${path}.new`, 'wx', 0o600);
  try {
    await handle.writeFile(`${JSON.stringify({ format: FORMAT, version: VERSION, ...manifest }, null, 1)}\n`);
    await handle.sync();
  } finally {
    await handle.close();
  }
  await rename(`${path}.new`, path);
}

/** Throws an OperatorError for what is no backup, an unfinished one, or one of a newer Sonde. */
export async function readManifest(folder: string): Promise<Manifest> {
  const path = join(folder, MANIFEST);
  const text = await readFile(path, 'utf8').catch((error: unknown) => {
    if (systemCode(error) !== 'ENOENT' && systemCode(error) !== 'ENOTDIR') throw error;
    throw new OperatorError(
      `${folder} is no backup of Sonde, or one that was not finished: it has no ${MANIFEST}`,
      'Choose the folder that sonde backup has said to be whole.',
    );
  });
  let said: { readonly [name: string]: unknown };
  try {
    said = JSON.parse(text) as typeof said;
  } catch {
    throw damaged(path);
  }
  const { format, version, sonde, at, files } = said ?? {};
  if (format !== FORMAT) throw new OperatorError(`${path} is not of a backup of Sonde`, 'Choose another folder.');
  if (version !== VERSION) {
    throw new OperatorError(
      `${path} is of version ${String(version)}, which this Sonde does not know`,
      'Restore it with the Sonde that made it, or a newer one.',
    );
  }
  if (typeof sonde !== 'string' || typeof at !== 'string' || !Array.isArray(files) || !files.every(isFile)) {
    throw damaged(path);
  }
  return { sonde, at, files };
}

/** Names below the folder only. */
function isFile(value: unknown): value is BackupFile {
  const { path, bytes, sha256 } = (value ?? {}) as Partial<BackupFile>;
  if (typeof path !== 'string' || typeof sha256 !== 'string' || !Number.isSafeInteger(bytes)) return false;
  return path.split('/').every((part) => part !== '' && part !== '.' && part !== '..' && !/[\\:\0]/.test(part));
}

function damaged(path: string): OperatorError {
  return new OperatorError(`${path} is damaged`, 'Choose another backup.');
}

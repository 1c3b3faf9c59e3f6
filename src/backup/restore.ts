import { mkdir } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { copyFile, OperatorError, sumOf, syncFolder, systemCode } from '../base/index.ts';
import { openDataFolder, STORE_FOLDER } from '../config/index.ts';
import { beginStoreLife } from '../store/index.ts';
import { type BackupFile, readManifest } from './manifest.ts';
import { claimFolder, finish } from './unfinished.ts';

export type RestoreReport = {
  readonly data: string;
  /** When the backup was made, ISO 8601. */
  readonly at: string;
  readonly files: number;
  readonly bytes: number;
};

/** Makes a data folder of a backup. Checks all of the backup first; the folder has to be new or empty. Throws an OperatorError. */
export async function restoreBackup(backup: string, target: string): Promise<RestoreReport> {
  const from = resolve(backup);
  const data = resolve(target);
  const { files, at } = await readManifest(from);
  for (const file of files) await check(from, file);
  const folder = openDataFolder(data);
  try {
    await claimFolder(data, 'A restore', ['lock']);
    const folders = new Set<string>();
    for (const { path } of files) {
      const to = join(data, path);
      await mkdir(dirname(to), { recursive: true, mode: 0o700 });
      await copyFile(join(from, path), to);
      for (let each = dirname(to); each.length > data.length; each = dirname(each)) folders.add(each);
    }
    for (const each of folders) await syncFolder(each);
    for (const file of files) await check(data, file);
    await beginStoreLife(join(data, STORE_FOLDER));
    await finish(data);
  } finally {
    folder.release();
  }
  return { data, at, files: files.length, bytes: files.reduce((sum, { bytes }) => sum + bytes, 0) };
}

async function check(folder: string, { path, bytes, sha256 }: BackupFile): Promise<void> {
  const file = join(folder, path);
  const found = await sumOf(file).catch((error: unknown) => {
    if (systemCode(error) !== 'ENOENT') throw error;
    throw new OperatorError(`${file} is missing`, 'Choose another backup.');
  });
  if (found.bytes === bytes && found.sha256 === sha256) return;
  throw new OperatorError(
    `${file} is not what it was when the backup was made`,
    'Choose another backup; a backup that Sonde was started on is a data folder of its own.',
  );
}

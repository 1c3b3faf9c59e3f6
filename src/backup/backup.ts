import { lstat, mkdir, readdir } from 'node:fs/promises';
import { dirname, isAbsolute, join, relative, resolve, sep } from 'node:path';
import { type Clock, copyFile, messageOf, OperatorError, syncFolder, systemCode } from '../base/index.ts';
import { HISTORY_FILE, isOfNoBackup, STORE_FOLDER, UNFINISHED } from '../config/index.ts';
import { describeFiles, filesIn, MANIFEST, writeManifest } from './manifest.ts';
import { claimFolder, finish } from './unfinished.ts';

/** What is copied. */
export type BackupSources = {
  /** The data folder. */
  readonly data: string;
  /** The store that is open there; null: it has none on disk. */
  readonly store: { readonly backup: (folder: string, stop?: AbortSignal) => Promise<void> } | null;
  /** The history that is open there; null: nobody has its file open. */
  readonly history: { readonly backup: (file: string) => Promise<void> } | null;
  /** Of Sonde. */
  readonly version: string;
  readonly clock: Clock;
  /** Aborted when nobody wants it any more: it ends soon, and what there is of it is marked as unfinished. */
  readonly stop?: AbortSignal;
};

export type BackupReport = {
  readonly folder: string;
  readonly files: number;
  readonly bytes: number;
  readonly storeBytes: number;
  readonly historyBytes: number;
  readonly ms: number;
};

/**
 * Copies a data folder, in use or not, into a new one. The store first and history after it: messages that are still in the
 * store's copy are in history's too, or not, and are found there; the other way round some would be in neither.
 */
export async function makeBackup(sources: BackupSources, target: string): Promise<BackupReport> {
  const { data, store, history, version, clock, stop } = sources;
  const startMs = clock.monotonicMs();
  const folder = resolve(target);
  const within = relative(resolve(data), folder);
  if (within === '' || !(within.startsWith('..') || isAbsolute(within))) {
    throw new OperatorError(
      `a backup in the data folder ${data} would be lost with it`,
      'Choose a folder outside, better on another disk.',
    );
  }
  await claimFolder(folder, 'A backup');
  try {
    if (store !== null) {
      await mkdir(join(folder, STORE_FOLDER), { mode: 0o700 });
      await store.backup(join(folder, STORE_FOLDER), stop);
    }
    if (history !== null) await untilStopped(history.backup(join(folder, HISTORY_FILE)), stop);
    else
      await copyIfThere(
        data,
        folder,
        HISTORY_ENDS.map((end) => HISTORY_FILE + end),
        stop,
      );
    await copyOthers(data, folder, stop);
    const files = await describeFiles(folder, [UNFINISHED], stop);
    const at = new Date(clock.wallMicros() / 1000).toISOString();
    stop?.throwIfAborted();
    await writeManifest(folder, { sonde: version, at, files });
    await finish(folder);
    const bytesOf = (prefix: string): number =>
      files.reduce((sum, { path, bytes }) => sum + (path.startsWith(prefix) ? bytes : 0), 0);
    return {
      folder,
      files: files.length,
      bytes: bytesOf(''),
      storeBytes: bytesOf(`${STORE_FOLDER}/`),
      historyBytes: bytesOf(HISTORY_FILE),
      ms: Math.round(clock.monotonicMs() - startMs),
    };
  } catch (thrown) {
    const error = stop?.aborted ? stoppedBackup() : thrown;
    const advice = error instanceof OperatorError ? error.advice : 'See why, remove the folder, and back up again.';
    const what = `the backup in ${folder} was not finished and cannot be restored: ${messageOf(error)}`;
    throw new OperatorError(what, advice, { cause: error });
  }
}

/** History's files that the next opening looks at: as they are, where nobody has them open. */
const HISTORY_ENDS = ['', '.wal', '.journal', '.salvage', '.salvaged', '.salvaged.json'];

/** Why a backup ends that was told to stop. */
export function stoppedBackup(): OperatorError {
  return new OperatorError('Sonde was stopped during the backup', 'Remove the folder, and back up again.');
}

/** What `work` comes to; not waited for any longer than until `stop`. */
export function untilStopped<T>(work: Promise<T>, stop: AbortSignal | undefined): Promise<T> {
  if (stop === undefined) return work;
  return new Promise((resolve, reject) => {
    const end = (): void => reject(stop.reason);
    if (stop.aborted) end();
    stop.addEventListener('abort', end, { once: true });
    void work.then(resolve, reject).finally(() => stop.removeEventListener('abort', end));
  });
}

async function copyIfThere(from: string, to: string, names: readonly string[], stop?: AbortSignal): Promise<void> {
  for (const name of names) {
    await copyFile(join(from, name), join(to, name), { stop }).catch((error: unknown) => {
      if (systemCode(error) !== 'ENOENT') throw error;
    });
  }
}

/** Tokens, certificates, and whatever else an owner keeps there; no other backup, and no lock. */
async function copyOthers(data: string, folder: string, stop?: AbortSignal): Promise<void> {
  for (const name of await readdir(data)) {
    const path = join(data, name);
    if (isOfNoBackup(name) || isBelow(folder, path)) continue;
    const is = await lstat(path);
    if (is.isFile()) await copyIfThere(data, folder, [name], stop);
    if (is.isDirectory()) await copyFolder(path, join(folder, name), stop);
  }
}

async function copyFolder(from: string, to: string, stop?: AbortSignal): Promise<void> {
  const files = await filesIn(from);
  const names = new Set(files.map((path) => relative(from, path)));
  if (names.has(MANIFEST) || names.has(UNFINISHED)) return;
  const folders = new Set<string>([to]);
  for (const path of files) {
    const target = join(to, relative(from, path));
    await mkdir(dirname(target), { recursive: true, mode: 0o700 });
    await copyFile(path, target, { stop });
    for (let at = dirname(target); at !== to; at = dirname(at)) folders.add(at);
  }
  await mkdir(to, { recursive: true, mode: 0o700 });
  for (const each of folders) await syncFolder(each);
}

function isBelow(path: string, folder: string): boolean {
  return path === folder || path.startsWith(folder + sep);
}

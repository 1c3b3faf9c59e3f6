import { randomUUID } from 'node:crypto';
import * as fs from 'node:fs';
import { dirname, join } from 'node:path';
import {
  type LockHolder,
  type LockResult,
  lookAtLock,
  messageOf,
  OperatorError,
  syncFolder,
  systemCode,
  takeLock,
} from '../base/index.ts';
import { UNFINISHED } from './data-files.ts';

/** A data folder that this process may write, and that no other Sonde serves from. */
export type DataFolder = {
  readonly path: string;
  /** Resolves when its name is durable. Else a power cut may take the folder with all that was synced in it. */
  readonly named: Promise<void>;
  /** Gives the lock back. Also done when the process exits. */
  readonly release: () => void;
};

/** Another Sonde serves from it. */
export class DataFolderInUse extends OperatorError {}

/** Creates the folder if need be, readable for its owner only. Throws an OperatorError when it cannot be used. */
export function ensureDataFolder(path: string): void {
  for (const folder of prepare(path)) syncNameOf(folder);
}

/** Answers the folders whose names are to be made durable. */
function prepare(path: string): readonly string[] {
  let folders: readonly string[];
  try {
    folders = makeFolder(path);
  } catch (error) {
    throw new OperatorError(
      `cannot create the data folder ${path}: ${messageOf(error)}`,
      'Choose another with --data.',
    );
  }
  if (!fs.statSync(path, { throwIfNoEntry: false })?.isDirectory()) {
    throw new OperatorError(`the data folder ${path} is a file`, 'Choose another with --data.');
  }
  // Permission bits do not tell everything (read-only mounts, ACLs): writing does.
  const probe = join(path, `.write-test-${randomUUID()}`);
  try {
    fs.writeFileSync(probe, '', { flag: 'wx', mode: 0o600 });
    fs.rmSync(probe, { force: true });
  } catch (error) {
    throw new OperatorError(
      `cannot write in the data folder ${path}: ${messageOf(error)}`,
      'Give this user the right to write there, free space on the disk, or choose another with --data.',
    );
  }
  return folders;
}

/** With its parents. Node's own recursive way never returns where a folder cannot hold another (below /proc). */
function makeFolder(path: string): readonly string[] {
  const missing = [];
  for (let at = path; !fs.existsSync(at) && dirname(at) !== at; at = dirname(at)) missing.unshift(at);
  for (const folder of missing) {
    try {
      fs.mkdirSync(folder, { mode: 0o700 });
    } catch (error) {
      // Another process may have made it meanwhile.
      if (systemCode(error) !== 'EEXIST') throw error;
    }
  }
  // Also of one that is there: the start that made it may have been killed before it had synced that.
  return missing.length > 0 ? missing : [path];
}

/** Where its parent is not ours, somebody else has made it. */
function syncNameOf(folder: string): void {
  if (process.platform === 'win32') return;
  try {
    const parent = fs.openSync(dirname(folder), 'r');
    try {
      fs.fsyncSync(parent);
    } finally {
      fs.closeSync(parent);
    }
  } catch {}
}

/** A look at a data folder that no Sonde is to use meanwhile. */
export type Look = {
  /** Why no lock could be taken, since the disk takes nothing; null: it is held. */
  readonly unlocked: string | null;
  /** Gives the lock back. Throws DataFolderInUse when there was none, and a Sonde uses the folder by now. */
  readonly end: () => void;
};

/**
 * Holds a folder that is there, without writing anything but the lock; where the disk does not take one (full, read-only) it
 * only sees that nobody has one. Throws an OperatorError when a Sonde uses it.
 */
export function lookAtDataFolder(path: string): Look {
  if (!fs.statSync(path, { throwIfNoEntry: false })?.isDirectory()) {
    throw new OperatorError(`there is no data folder ${path}`, 'Name it with --data.');
  }
  try {
    return { unlocked: null, end: hold(path).release };
  } catch (error) {
    const { cause } = error as Error;
    if (!TAKES_NOTHING.has(systemCode(cause) ?? '')) throw error;
    const end = (): void => {
      const held = lookAtLock(join(path, 'lock'));
      if (held !== null) throw inUse(path, held.holder);
    };
    end();
    return { unlocked: messageOf(cause), end };
  }
}

const TAKES_NOTHING: ReadonlySet<string> = new Set(['ENOSPC', 'EDQUOT', 'EROFS']);

/** Opens the folder for one server; a second one is refused with the pid of the first. */
export function openDataFolder(path: string): DataFolder {
  const folders = prepare(path);
  const { release } = hold(path);
  const synced = folders.map((folder) => syncFolder(dirname(folder)).catch(() => {}));
  return { path, release, named: Promise.all(synced).then(() => {}) };
}

function hold(path: string): Pick<DataFolder, 'release'> {
  if (fs.existsSync(join(path, UNFINISHED))) {
    throw new OperatorError(
      `the data folder ${path} is of a backup or a restore that was not finished`,
      'Restore into another folder.',
    );
  }
  const file = join(path, 'lock');
  const result = lockOf(path, file);
  if (result.held) return { release: result.release };
  if ('guard' in result) {
    const { holder, guard } = result;
    throw holder === null
      ? new DataFolderInUse(
          `another Sonde is just starting with the data folder ${path}, or was killed as it did: ${guard} is there`,
          'Start again in 10 s.',
        )
      : new DataFolderInUse(
          `another Sonde (process ${holder.pid} on ${holder.host}) is just starting with the data folder ${path}`,
          'Stop that Sonde first, or choose another folder with --data.',
        );
  }
  throw inUse(path, result.holder);
}

function inUse(path: string, holder: LockHolder | null): DataFolderInUse {
  const who = holder === null ? 'another process' : `process ${holder.pid} on ${holder.host}`;
  return new DataFolderInUse(
    `the data folder ${path} is in use by ${who}`,
    `Stop that Sonde first, or choose another folder with --data.`,
  );
}

function lockOf(path: string, file: string): LockResult {
  try {
    return takeLock(file);
  } catch (error) {
    if (systemCode(error) === 'EISDIR') {
      throw new OperatorError(`${file} is a folder`, 'Remove it: the lock of the data folder is a file.');
    }
    throw new OperatorError(
      `cannot write in the data folder ${path}: ${messageOf(error)}`,
      'Free space on the disk, or choose another folder with --data.',
      { cause: error },
    );
  }
}

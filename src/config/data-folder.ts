import { randomUUID } from 'node:crypto';
import * as fs from 'node:fs';
import { dirname, join } from 'node:path';
import { type LockResult, messageOf, OperatorError, systemCode, takeLock } from '../base/index.ts';
import { UNFINISHED } from './data-files.ts';

/** A data folder that this process may write, and that no other Sonde serves from. */
export type DataFolder = {
  readonly path: string;
  /** Gives the lock back. Also done when the process exits. */
  readonly release: () => void;
};

/** Another Sonde serves from it. */
export class DataFolderInUse extends OperatorError {}

/** Creates the folder if need be, readable for its owner only. Throws an OperatorError when it cannot be used. */
export function ensureDataFolder(path: string): void {
  try {
    makeFolder(path);
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
}

/** With its parents. Node's own recursive way never returns where a folder cannot hold another (below /proc). */
function makeFolder(path: string): void {
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
}

/** Holds a folder that is there, without writing anything but the lock. Throws an OperatorError when a Sonde uses it. */
export function lockDataFolder(path: string): DataFolder {
  if (!fs.statSync(path, { throwIfNoEntry: false })?.isDirectory()) {
    throw new OperatorError(`there is no data folder ${path}`, 'Name it with --data.');
  }
  return hold(path);
}

/** Opens the folder for one server; a second one is refused with the pid of the first. */
export function openDataFolder(path: string): DataFolder {
  ensureDataFolder(path);
  return hold(path);
}

function hold(path: string): DataFolder {
  if (fs.existsSync(join(path, UNFINISHED))) {
    throw new OperatorError(
      `the data folder ${path} is of a backup or a restore that was not finished`,
      'Restore into another folder.',
    );
  }
  const file = join(path, 'lock');
  const result = lockOf(path, file);
  if (result.held) return { path, release: result.release };
  const { holder } = result;
  const who = holder === null ? 'another process' : `process ${holder.pid} on ${holder.host}`;
  throw new DataFolderInUse(
    `the data folder ${path} is in use by ${who}`,
    `Stop that Sonde first, or choose another folder with --data.`,
  );
}

function lockOf(path: string, file: string): LockResult {
  try {
    return takeLock(file);
  } catch (error) {
    throw new OperatorError(
      `cannot write in the data folder ${path}: ${messageOf(error)}`,
      'Free space on the disk, or choose another folder with --data.',
    );
  }
}

import { chmod, mkdir, open, readdir, unlink } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { messageOf, OperatorError, syncFolder, systemCode } from '../base/index.ts';
import { UNFINISHED } from '../config/index.ts';

/**
 * Takes a new or an empty folder, for its owner only, and marks it as unfinished: `sonde serve` refuses it until `finish`.
 * `allowed`: names that may be in it. Throws an OperatorError.
 */
export async function claimFolder(folder: string, what: string, allowed: readonly string[] = []): Promise<void> {
  let others: readonly string[];
  try {
    // Not its parents: Node's recursive way never returns where a folder cannot hold another (below /proc).
    await mkdir(folder, { mode: 0o700 }).catch((error: unknown) => {
      if (systemCode(error) !== 'EEXIST') throw error;
    });
    others = (await readdir(folder)).filter((name) => !allowed.includes(name));
    // Refused for a folder of somebody else, who could exchange what is in it.
    if (process.platform !== 'win32') await chmod(folder, 0o700);
  } catch (error) {
    throw new OperatorError(`cannot use the folder ${folder}: ${messageOf(error)}`, 'Choose another one.');
  }
  if (others.includes(UNFINISHED)) {
    throw new OperatorError(
      `${folder} has a backup or a restore that was not finished`,
      'Remove the folder if nothing is at work there, and try again, or choose another one.',
    );
  }
  if (others.length > 0) {
    throw new OperatorError(`the folder ${folder} is not empty`, 'Choose a new or an empty one.');
  }
  const handle = await open(join(folder, UNFINISHED), 'wx', 0o600);
  try {
    await handle.writeFile(`${what} is under way here, or was not finished: not to be used.\n`);
    await handle.sync();
  } finally {
    await handle.close();
  }
  await syncFolder(folder);
}

/** All is there: the folder may be used. */
export async function finish(folder: string): Promise<void> {
  await syncFolder(folder);
  await unlink(join(folder, UNFINISHED));
  await syncFolder(folder);
  await syncFolder(dirname(folder)).catch(() => {}); // of somebody else, and there before
}

import { fork } from 'node:child_process';
import { rm } from 'node:fs/promises';
import { OperatorError } from '../../../base/index.ts';
import { locateProcess } from '../built-process.ts';
import type { Table } from '../table/table.ts';

/** Copies a table into a folder, compacted, as of one moment; until `stop`. Rejects when it cannot; then nothing is left. */
export type CopyTable = (table: Table, to: string, stop: AbortSignal) => Promise<void>;

const LAST_WORDS = 500;

/** Copies in a child process, which a stop ends at once: LMDB has no way to end a copy. */
export const copyTableInChild: CopyTable = async (table, to, stop) => {
  try {
    await run([table.folder, to], stop);
  } catch (error) {
    // A reader that was killed would keep pages from being used again.
    table.forgetDeadReaders();
    await rm(to, { recursive: true, force: true });
    throw stop.aborted ? stopped() : error;
  }
};

/** Why a backup ends that Sonde does not. */
export function stopped(): OperatorError {
  return new OperatorError('Sonde was stopped during the backup', 'Back up again.');
}

function run(args: readonly string[], stop: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    if (stop.aborted) return reject(stopped());
    // Not our own arguments: an inspector port or a test runner's loader has no business there.
    const child = fork(locateProcess('copy/copy-process.js', 'copies'), args, {
      execArgv: [],
      stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
    });
    let lastWords = '';
    child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      lastWords = (lastWords + text).slice(-LAST_WORDS);
    });
    const kill = (): void => void child.kill('SIGKILL');
    stop.addEventListener('abort', kill, { once: true });
    child.on('error', reject);
    child.on('close', (code, signal) => {
      stop.removeEventListener('abort', kill);
      if (code === 0) resolve();
      else reject(new Error(`the table could not be copied (${signal ?? `code ${code}`}): ${lastWords.trim()}`));
    });
  });
}

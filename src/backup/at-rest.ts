import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { type Clock, type Logger, OperatorError } from '../base/index.ts';
import { HISTORY_FILE, openDataFolder, STORE_FOLDER } from '../config/index.ts';
import { createHistory, isSalvagePending } from '../history/index.ts';
import { openDiskStore } from '../store/index.ts';
import { type BackupReport, makeBackup, stoppedBackup, untilStopped } from './backup.ts';

export type AtRest = {
  readonly data: string;
  readonly version: string;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Aborted when nobody wants the backup any more. */
  readonly stop: AbortSignal;
};

/** Backs up a data folder that no Sonde runs on: opens what is there, as a start would. Throws an OperatorError when one does. */
export async function backupAtRest(
  { data, version, clock, logger, stop }: AtRest,
  target: string,
): Promise<BackupReport> {
  if (!existsSync(data)) {
    throw new OperatorError(`there is no data folder ${data}`, 'Say which one with --data.');
  }
  const folder = openDataFolder(data);
  const closers: (() => Promise<void>)[] = [];
  try {
    if (isSalvagePending(join(data, HISTORY_FILE))) {
      throw new OperatorError(
        `the history in ${data} is damaged, and what is sound of it has not all been taken over: a backup would not say what is lost`,
        'Start Sonde there once, which ends that and says what is lost; then back up again.',
      );
    }
    let store = null;
    if (existsSync(join(data, STORE_FOLDER, 'FORMAT'))) {
      store = await openDiskStore({ folder: join(data, STORE_FOLDER), clock, logger, durability: 'sync' });
      closers.unshift(store.close);
    }
    let history = null;
    if (existsSync(join(data, HISTORY_FILE))) {
      history = createHistory({ file: join(data, HISTORY_FILE), clock, logger });
      closers.unshift(history.stop);
      if (stop.aborted) throw stoppedBackup();
      await untilStopped(history.start(), stop);
    }
    if (stop.aborted) throw stoppedBackup();
    return await makeBackup({ data, store, history, version, clock, stop }, target);
  } catch (error) {
    throw error === stop.reason ? stoppedBackup() : error;
  } finally {
    for (const close of closers) await close();
    folder.release();
  }
}

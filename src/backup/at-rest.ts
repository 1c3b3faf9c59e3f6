import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { type Clock, type Logger, OperatorError } from '../base/index.ts';
import { HISTORY_FILE, openDataFolder, STORE_FOLDER } from '../config/index.ts';
import { createHistory } from '../history/index.ts';
import { openDiskStore } from '../store/index.ts';
import { type BackupReport, makeBackup } from './backup.ts';

export type AtRest = {
  readonly data: string;
  readonly version: string;
  readonly clock: Clock;
  readonly logger: Logger;
};

/** Backs up a data folder that no Sonde runs on: opens what is there, as a start would. Throws an OperatorError when one does. */
export async function backupAtRest({ data, version, clock, logger }: AtRest, target: string): Promise<BackupReport> {
  if (!existsSync(data)) {
    throw new OperatorError(`there is no data folder ${data}`, 'Say which one with --data.');
  }
  const folder = openDataFolder(data);
  const closers: (() => Promise<void>)[] = [];
  try {
    let store = null;
    if (existsSync(join(data, STORE_FOLDER, 'FORMAT'))) {
      store = await openDiskStore({ folder: join(data, STORE_FOLDER), clock, logger, durability: 'sync' });
      closers.push(store.close);
    }
    let history = null;
    if (existsSync(join(data, HISTORY_FILE))) {
      history = createHistory({ file: join(data, HISTORY_FILE), clock, logger });
      closers.push(history.stop);
      await history.start();
    }
    return await makeBackup({ data, store, history, version, clock }, target);
  } finally {
    for (const close of closers) await close();
    folder.release();
  }
}

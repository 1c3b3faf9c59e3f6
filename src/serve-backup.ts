import { realpathSync } from 'node:fs';
import { isAbsolute } from 'node:path';
import { makeBackup } from './backup/index.ts';
import { type Clock, OperatorError } from './base/index.ts';
import type { Settings } from './config/index.ts';
import type { History } from './history/index.ts';
import type { DiskStore } from './store/index.ts';

type BackedUp = {
  readonly settings: Settings;
  readonly store: DiskStore;
  readonly history: History | null;
  readonly version: string;
  readonly clock: Clock;
  /** Aborted when Sonde is told to stop: nobody waits for a backup then. */
  readonly stop: AbortSignal;
};

/** A backup that somebody asks a running Sonde for. `data`: the data folder that is meant; null: whatever there is. */
export function backUp(
  { settings, store, stop, ...rest }: BackedUp,
  folder: string,
  data: string | null,
): ReturnType<typeof makeBackup> {
  if (!isAbsolute(folder)) throw new OperatorError(`${folder} is no absolute path`, 'Give the whole path.');
  if (data !== null && realpathSync(settings.data) !== resolvedPath(data)) {
    throw new OperatorError(`this Sonde has the data folder ${settings.data}, not ${data}`, 'Ask the other one: --url');
  }
  return makeBackup({ data: settings.data, store, stop, ...rest }, folder);
}

function resolvedPath(path: string): string {
  try {
    return realpathSync(path);
  } catch {
    return path;
  }
}

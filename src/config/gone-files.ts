import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { HISTORY_FILE, RECORDED_FILE, SALVAGED_FILE, STORE_FOLDER } from './data-files.ts';

/** Files of a used data folder that a life before this one had, and that are not there. */
export type GoneFiles = { readonly tokens: boolean; readonly history: boolean };

/**
 * Looks before a start makes anything. Tokens are made before all else, so a folder that has more had them. `history`: it was
 * opened once, and what it says of its log (`.mark`) or the log itself may have been left.
 */
export function goneFiles(data: string, tokenFile: string): GoneFiles {
  const has = (name: string): boolean => existsSync(join(data, name));
  const isUsed = hasHistory(data) || [STORE_FOLDER, RECORDED_FILE].some(has);
  return {
    tokens: isUsed && !existsSync(tokenFile),
    history: !hasHistory(data) && [RECORDED_FILE, `${HISTORY_FILE}.mark`, `${HISTORY_FILE}.wal`].some(has),
  };
}

/** Whether a start has a history to go on with: also one that was salvaged and has not got its name back yet. */
export function hasHistory(data: string): boolean {
  return [HISTORY_FILE, SALVAGED_FILE].some((name) => existsSync(join(data, name)));
}

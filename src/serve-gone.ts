import { existsSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { join } from 'node:path';
import { type Logger, messageOf, syncFolder } from './base/index.ts';
import { HISTORY_FILE, RECORDED_FILE } from './config/index.ts';

const TOKENS =
  'tokens.json is gone: the tokens that were made before are not known any more, and a new one was made. Put the file back from a backup to have them again';
const HISTORY =
  'history.duckdb is gone: history begins anew, without what was recorded before. If nobody removed it on purpose, stop Sonde and put it back from a backup';

/** What was gone at the start, told for as long as this Sonde runs: who removed it on purpose has nothing to do. */
export type GoneNotes = {
  /** One sentence each. */
  readonly texts: readonly string[];
  readonly tokens: () => void;
  readonly history: () => void;
};

export function createGoneNotes(data: string, logger: Logger): GoneNotes {
  const texts: string[] = [];
  const tell = (text: string): void => {
    if (texts.includes(text)) return;
    texts.push(text);
    logger.warn({ folder: data }, text);
  };
  return { texts, tokens: () => tell(TOKENS), history: () => tell(HISTORY) };
}

/** Notes that there is a history: one that is gone later is noticed. */
export async function noteRecorded(data: string, logger: Logger): Promise<void> {
  const file = join(data, RECORDED_FILE);
  if (existsSync(file)) return;
  try {
    await (await open(file, 'a', 0o600)).close();
    await syncFolder(data); // it is empty: its name is all of it
  } catch (error) {
    // A full disk: the next start does it.
    logger.debug({ error: messageOf(error) }, `that there is a ${HISTORY_FILE} cannot be noted`);
  }
}

/** What lies where in a data folder (docs/storage.md). */
export const STORE_FOLDER = 'store';
export const HISTORY_FILE = 'history.duckdb';
/** A history that was salvaged: the next start gives it its name, whatever else is there. */
export const SALVAGED_FILE = `${HISTORY_FILE}.salvaged`;
/** There since history was opened first: a history file that is gone later is noticed. */
export const RECORDED_FILE = 'RECORDED';
/** Room that a start on a full disk takes. */
export const BALLAST_FILE = 'BALLAST';
/** In a folder that a backup or a restore is at work in, or did not finish: Sonde does not start there. */
export const UNFINISHED = 'UNFINISHED';

/** Files of a data folder that a backup leaves out, or copies in a way of its own. */
export function isOfNoBackup(name: string): boolean {
  if (name === STORE_FOLDER || name === UNFINISHED || name === 'backup.json' || name.startsWith(BALLAST_FILE))
    return true;
  return name.startsWith(HISTORY_FILE) || /^lock(\.|$)|\.lock(\.|$)|^\.write-test-/.test(name);
}

import { join } from 'node:path';
import { type Logger, messageOf, type OperatorError } from '../../../base/index.ts';
import type { DamageList } from '../damage.ts';
import { noteDamage } from './clean-mark.ts';
import { damageWords, unreadableTable } from './lmdb-error.ts';

/** Is given what LMDB said while the store is in use; answers what to tell its owner, null when it says nothing of damage. */
export type TableFaults = (error: unknown) => OperatorError | null;

/** Tells of a table that LMDB calls damaged, once, and has the next start begin it anew. The log has what it lacks until then. */
export function createTableFaults(folder: string, damage: DamageList, logger: Logger): TableFaults {
  let isTold = false;
  return (error) => {
    const words = damageWords(error);
    if (words === null) return null;
    if (!isTold) {
      isTold = true;
      const what = `LMDB cannot go on with it (${words}): the log has what it lacks, and the next start begins it anew`;
      damage.add({ file: join(folder, 'table', 'data.mdb'), what, count: 0, which: [], kept: null });
      noteDamage(folder, words).catch((why: unknown) => {
        logger.error({ error: messageOf(why) }, 'that the table is damaged could not be noted for the next start');
      });
    }
    return unreadableTable(folder, words, error);
  };
}

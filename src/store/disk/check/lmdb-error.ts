import { constants } from 'node:os';
import { join } from 'node:path';
import { messageOf, OperatorError } from '../../../base/index.ts';

/*
 * LMDB's errors have a number: its own ones from -30799 on, and those of the system, which are positive here.
 */

/** Its own that say nothing of the file: it is full, or has too many readers, tables, pages in one transaction. */
const NO_DAMAGE: ReadonlySet<number> = new Set([-30799, -30798, -30792, -30791, -30790, -30789, -30788]);
const FIRST = -30799;
const LAST = -30769;

function numberOf(error: unknown): number | null {
  const { code } = (error ?? {}) as { readonly code?: unknown };
  return error instanceof Error && typeof code === 'number' ? code : null;
}

/** LMDB's own words, when they mean that the table's file is not what was written; null: they do not. */
export function damageWords(error: unknown): string | null {
  const code = numberOf(error);
  const isDamage = code !== null && code >= FIRST && code <= LAST && !NO_DAMAGE.has(code);
  return isDamage ? messageOf(error) : null;
}

/** The name of the system's error that LMDB met, `EIO`; null: it was none. */
export function systemNameOf(error: unknown): string | null {
  const code = numberOf(error);
  if (code === null || code <= 0) return null;
  return Object.entries(constants.errno).find(([, value]) => value === code)?.[0] ?? null;
}

/** Whether LMDB said it, by a number. */
export function isOfLmdb(error: unknown): boolean {
  return numberOf(error) !== null;
}

/** A table that LMDB cannot read: the next start begins it anew, since this is noted. */
export function unreadableTable(folder: string, words: string, cause: unknown): OperatorError {
  return new OperatorError(
    `${join(folder, 'table', 'data.mdb')} is damaged: ${words}`,
    'Start Sonde again: it begins that file anew with all that can be read, and keeps the damaged one. `sonde check` says what of it is damaged; a backup has it whole.',
    { cause },
  );
}

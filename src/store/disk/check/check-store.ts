import { open } from 'node:fs/promises';
import { join } from 'node:path';
import { messageOf, OperatorError } from '../../../base/index.ts';
import type { Damage } from '../damage.ts';
import { incarnationOfLog, lookAtFormat } from '../format.ts';
import { findSegments } from '../log/find-segments.ts';
import { closeFound, logFolderOf, readFound } from '../log/open-log.ts';
import { decodeStamp, STAMP_KEY, STAMP_TABLE, type Stamp } from '../table/stamp.ts';
import { readCleanMark } from './clean-mark.ts';
import { type FileSum, inspectPages, sumTable, tableGap } from './inspect-table.ts';
import { knownOf, lostTable, oldTable } from './known.ts';

/** What a look at a whole store has found. */
export type StoreReport = {
  readonly findings: readonly Damage[];
  readonly segments: number;
  /** Messages that are still for somebody, each as often as it is for one. */
  readonly messages: number;
  readonly values: number;
};

/**
 * Looks at every file of a store that nobody uses, and changes nothing. Null: there is no store. Throws an OperatorError for
 * one that this Sonde does not know.
 */
export async function checkStore(folder: string): Promise<StoreReport | null> {
  const format = await lookAtFormat(folder);
  if (format.is === 'nothing') return null;
  const findings: Damage[] = [];
  const find = (file: string, what: string, count: number | null = null, which: readonly string[] = []): void =>
    void findings.push({ file, what, count, which, kept: null });
  if (format.is === 'damaged') find(join(folder, 'FORMAT'), format.what, 0);
  const clean = await readCleanMark(folder);
  const { stamp, values, missing } = await checkTable(join(folder, 'table'), clean?.table ?? null, find);

  const incarnation = format.is === 'store' ? format.format.incarnation : await incarnationOfLog(folder);
  const log = logFolderOf(folder);
  const known = knownOf(clean, stamp, false);
  const opened = (path: string) => open(path, 'r');
  const found = await findSegments(log, incarnation ?? '', known.wanted, opened).catch((error: unknown) => {
    if (error instanceof OperatorError) throw error;
    find(log, `it cannot be read: ${messageOf(error)}`);
    return { segments: [], free: [], strange: [], closed: [] };
  });
  const { damage, replay } = await readFound(log, found, known);
  await closeFound(found);
  for (const { file, what, from, to, count, which } of damage) {
    find(file, to > from ? `${what} (from ${from} to ${to})` : what, count, which);
  }
  const sequences = found.segments.map(({ header }) => header.sequence);
  const numbersAfter = format.is === 'store' ? format.format.numbersAfter : 0;
  const old =
    missing === null
      ? oldTable(join(folder, 'table'), stamp, sequences)
      : lostTable(join(folder, 'table', 'data.mdb'), missing, { clean, numbersAfter, sequences });
  if (old !== null) findings.push(old);
  const messages = [...replay.queues.values()].reduce((sum, { entries }) => sum + entries, 0);
  return { findings, segments: found.segments.length, messages, values };
}

type Find = (file: string, what: string, count?: number | null, which?: readonly string[]) => void;

async function checkTable(path: string, closed: FileSum | null, find: Find) {
  const file = join(path, 'data.mdb');
  let stamp: Stamp | null = null;
  let values = 0;
  const missing = await tableGap(path).catch(() => null);
  if (missing !== null) return { stamp, values, missing };
  try {
    const { faults, bad } = inspectPages(path, (table, key, value) => {
      if (table === STAMP_TABLE && key === STAMP_KEY) stamp = decodeStamp(value);
      else if (table !== STAMP_TABLE) values += 1;
    });
    for (const { page, what } of faults) find(file, `page ${page} ${what}`);
    for (const { table, key } of bad) find(file, 'a value is not what was stored', 1, [`${table} ${key}`]);
    const now = await sumTable(path);
    const isAsLeft = closed === null || (now?.bytes === closed.bytes && now.sum === closed.sum);
    if (!isAsLeft && faults.length === 0 && bad.length === 0) find(file, 'it is not as it was left', 0);
  } catch (error) {
    find(file, `it cannot be read: ${messageOf(error)}`);
  }
  return { stamp: stamp as Stamp | null, values, missing };
}

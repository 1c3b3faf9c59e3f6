import { join } from 'node:path';
import type { QueueId } from '../../port.ts';
import type { Damage } from '../damage.ts';
import { type KnownOfLog, NOTHING_KNOWN } from '../log/open-log.ts';
import type { Stamp } from '../table/stamp.ts';
import type { DamagedValue } from '../table/table.ts';
import type { CleanMark } from './clean-mark.ts';
import type { TableGap } from './inspect-table.ts';

/** What the last stop, or else the table, tells of the log. */
export function knownOf(clean: CleanMark | null, stamp: Stamp | null, tableIsSound: boolean): KnownOfLog {
  const synced = clean?.log ?? stamp?.synced ?? null;
  if (synced === null) return NOTHING_KNOWN;
  return {
    wanted: stamp === null ? null : { first: stamp.needs, last: synced.sequence },
    synced,
    nextNumber: stamp?.nextNumber ?? 1,
    // A table that has lost something gets all that the log still has.
    changesFrom: tableIsSound ? (stamp?.has ?? 0) : 0,
  };
}

/** What tells that a store had a table, however little of it is left. */
export type TableTraces = {
  readonly clean: CleanMark | null;
  /** Of FORMAT: not zero when the store was started before, or is a copy. */
  readonly numbersAfter: number;
  /** Segments of the log that are there. */
  readonly sequences: readonly number[];
};

/**
 * The table's file is gone or empty, and there was one: a table is made, and synced, before anything else of a store. What was
 * in it is in the log, as far as that still goes back to its beginning. Null: it is a new store.
 */
export function lostTable(file: string, missing: TableGap, traces: TableTraces): Damage | null {
  const { clean, numbersAfter, sequences } = traces;
  if (clean === null && numbersAfter === 0 && sequences.length === 0) return null;
  const isInLog = sequences[0] === 1;
  const rest = isInLog ? 'the log has all that was in it' : 'the log does not go back to its beginning';
  return { file, what: `it is ${missing}; ${rest}`, count: isInLog ? 0 : null, which: [], kept: null };
}

/** The log begins behind what the table has: changes between the two are lost. Null: it does not. */
export function oldTable(file: string, stamp: Stamp | null, sequences: readonly number[]): Damage | null {
  const [first] = sequences;
  const has = stamp?.has ?? 1;
  if (first === undefined || first <= has) return null;
  const what =
    stamp === null
      ? 'it does not say which changes of the log it has: some may be missing'
      : `it is older than the log: changes of segments ${has} to ${first - 1} are missing`;
  return { file, what, count: null, which: [], kept: null };
}

export function damagedValue(folder: string, { table, key }: DamagedValue): Damage {
  const which = [`${table} ${key}`];
  return { file: join(folder, 'table'), what: 'values that are not what was stored', count: 1, which, kept: null };
}

/** Names queues for people; of one queue many are asked for in a row. */
export function queueNamer(names: ReadonlyMap<string, QueueId>): (queue: QueueId) => string {
  let last: QueueId | null = null;
  let text = '';
  return (queue) => {
    if (queue === last) return text;
    const name = [...names].find(([, id]) => id === queue)?.[0];
    last = queue;
    text = name === undefined ? `queue ${queue}` : `queue ${JSON.stringify(name)}`;
    return text;
  };
}

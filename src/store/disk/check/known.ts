import { join } from 'node:path';
import type { QueueId } from '../../port.ts';
import type { Damage } from '../damage.ts';
import { type KnownOfLog, NOTHING_KNOWN } from '../log/open-log.ts';
import type { Stamp } from '../table/stamp.ts';
import type { DamagedValue } from '../table/table.ts';
import type { CleanMark } from './clean-mark.ts';

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

export function nameOfQueue(names: ReadonlyMap<string, QueueId>, queue: QueueId): string {
  for (const [name, id] of names) if (id === queue) return `queue ${JSON.stringify(name)}`;
  return `queue ${queue}`;
}

import { appendFileSync, mkdirSync } from 'node:fs';
import { mkdir, rename, stat } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { type Clock, isTold, type Logger, messageOf, syncFolder, TOLD_SINGLY } from '../../base/index.ts';

/** Something in the data folder that was written once and cannot be read now. */
export type Damage = {
  /** The file that is damaged, as it was called when this was seen. */
  readonly file: string;
  /** One clause: what of it. */
  readonly what: string;
  /** Records, values or messages that are lost; null: nobody can know. */
  readonly count: number | null;
  /** Their names as far as they are known, the first hundred. */
  readonly which: readonly string[];
  /** Where the damaged bytes are kept; null: still where they were. */
  readonly kept: string | null;
};

/** Names of so many are kept for each kind of damage. */
const MAX_NAMES = 100;
/** Kinds of damage in one list; what comes after is counted with the last one. */
const MAX_KINDS = 1000;

/** All damage of one store, in the order in which it was seen. */
export type DamageList = {
  /** Grows; one item for each file and kind. */
  readonly all: readonly Damage[];
  /** `kind`: what it is counted as for the log, where `what` differs each time. */
  readonly add: (damage: Damage, kind?: string) => void;
};

/**
 * A list that also logs what comes, and writes all of it down in `folder`/damaged/found.jsonl (null: nowhere). A large bad area
 * comes as thousands: of each kind the first ten have a line each in both; after them the log has a counted line at every tenfold
 * one, and the file one line for all of a turn.
 */
export function createDamageList(folder: string | null, clock: Clock, logger: Logger): DamageList {
  const all: Damage[] = [];
  /** Where each one stands in `all`. */
  const places = new Map<string, number>();
  const counts = new Map<string, number>();
  let waiting = new Map<string, { readonly first: Damage; count: number | null; readonly which: string[] }>();

  const writeWaiting = (): void => {
    const lines = [...waiting.values()].map(({ first, ...sum }) => ({ time: timeOf(clock), ...first, ...sum }));
    waiting = new Map();
    if (folder !== null) writeDown(folder, lines, logger);
  };
  const wait = (damage: Damage): void => {
    const name = nameOf(damage);
    const known = waiting.get(name);
    if (known === undefined) {
      if (waiting.size === 0) setImmediate(writeWaiting);
      waiting.set(name, { first: damage, count: damage.count, which: [...damage.which] });
      return;
    }
    known.count = sumOf(known.count, damage.count);
    for (const one of damage.which) known.which.push(one);
  };

  return {
    all,
    add(damage, kind = damage.what) {
      const nth = (counts.get(kind) ?? 0) + 1;
      counts.set(kind, nth);
      const name = nameOf(damage);
      const at = places.get(name) ?? Math.min(all.length, MAX_KINDS - 1);
      const known = all[at];
      if (known === undefined) {
        places.set(name, at);
        all.push({ ...damage, which: damage.which.slice(0, MAX_NAMES) });
      } else all[at] = joined(known, damage);
      if (isTold(nth)) {
        const { count, ...told } = { ...damage, which: damage.which.slice(0, MAX_NAMES) };
        const findings = nth > TOLD_SINGLY ? { findings: nth } : {};
        logger.error(
          { ...told, count: count ?? 'unknown', ...findings },
          'the store is damaged: what is sound goes on',
        );
      }
      if (nth > TOLD_SINGLY) wait(damage);
      else if (folder !== null) writeDown(folder, [{ time: timeOf(clock), ...damage }], logger);
    },
  };
}

function nameOf({ file, what }: Damage): string {
  return `${file} ${what}`;
}

function joined(a: Damage, b: Damage): Damage {
  return {
    ...a,
    count: sumOf(a.count, b.count),
    which: [...a.which, ...b.which].slice(0, MAX_NAMES),
    kept: a.kept ?? b.kept,
  };
}

function sumOf(a: number | null, b: number | null): number | null {
  return a === null || b === null ? null : a + b;
}

function writeDown(folder: string, lines: readonly object[], logger: Logger): void {
  try {
    const damaged = damagedFolder(folder);
    mkdirSync(damaged, { recursive: true, mode: 0o700 });
    appendFileSync(join(damaged, 'found.jsonl'), lines.map((line) => `${JSON.stringify(line)}\n`).join(''), {
      mode: 0o600,
    });
  } catch (error) {
    logger.error({ error: messageOf(error) }, 'what is damaged could not be written down');
  }
}

/** Where a store keeps what is damaged. */
export function damagedFolder(folder: string): string {
  return join(folder, 'damaged');
}

/** A moment as it may stand in the name of a file. */
export function timeOf(clock: Clock): string {
  return new Date(clock.wallMicros() / 1000).toISOString().replaceAll(':', '-');
}

/** Moves a damaged file or folder out of the way, durably; answers where it is kept. */
export async function setAside(folder: string, path: string, clock: Clock): Promise<string> {
  const damaged = damagedFolder(folder);
  await mkdir(damaged, { recursive: true, mode: 0o700 });
  const name = `${timeOf(clock)}-${basename(path)}`;
  let kept = join(damaged, name);
  for (let n = 2; await exists(kept); n++) kept = join(damaged, `${name}.${n}`);
  await rename(path, kept);
  await syncFolder(damaged);
  await syncFolder(folder);
  await syncFolder(dirname(path)).catch(() => {});
  return kept;
}

export async function exists(path: string): Promise<boolean> {
  return stat(path).then(
    () => true,
    () => false,
  );
}

/** One sentence for people; empty when nothing is damaged. */
export function damageText(damage: readonly Damage[]): string {
  if (damage.length === 0) return '';
  const known = damage.reduce((sum, { count }) => sum + (count ?? 0), 0);
  const files = [...new Set(damage.map(({ file }) => basename(file)))];
  const named = files.length > 3 ? `${files.slice(0, 3).join(', ')} and ${files.length - 3} more` : files.join(', ');
  const lost = lostText(
    known,
    damage.some(({ count }) => count === null),
  );
  return `Damage was found in ${named}: ${lost}; the log and store/damaged/found.jsonl tell more.`;
}

function lostText(known: number, unknown: boolean): string {
  if (unknown && known === 0) return 'how many records are lost, nobody can say';
  if (known === 1 && !unknown) return '1 record is lost';
  return `${unknown ? 'at least ' : ''}${known === 0 ? 'no' : known} records are lost`;
}

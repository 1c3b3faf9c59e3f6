import { appendFileSync, mkdirSync } from 'node:fs';
import { mkdir, rename, stat } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { type Clock, type Logger, messageOf, syncFolder } from '../../base/index.ts';

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
  readonly add: (damage: Damage) => void;
};

/** A list that also logs what comes, and writes it down in `folder`/damaged/found.jsonl (null: nowhere). */
export function createDamageList(folder: string | null, clock: Clock, logger: Logger): DamageList {
  const all: Damage[] = [];
  return {
    all,
    add(damage) {
      const at = all.findIndex(({ file, what }) => file === damage.file && what === damage.what);
      const known = all[at] ?? (all.length >= MAX_KINDS ? all.at(-1) : undefined);
      if (known === undefined) all.push({ ...damage, which: damage.which.slice(0, MAX_NAMES) });
      else all[all.indexOf(known)] = joined(known, damage);
      const { count, ...told } = damage;
      logger.error({ ...told, count: count ?? 'unknown' }, 'the store is damaged: what is sound goes on');
      if (folder !== null) writeDown(folder, { time: timeOf(clock), ...damage }, logger);
    },
  };
}

function joined(a: Damage, b: Damage): Damage {
  const count = a.count === null || b.count === null ? null : a.count + b.count;
  return { ...a, count, which: [...a.which, ...b.which].slice(0, MAX_NAMES), kept: a.kept ?? b.kept };
}

function writeDown(folder: string, line: object, logger: Logger): void {
  try {
    const damaged = damagedFolder(folder);
    mkdirSync(damaged, { recursive: true, mode: 0o700 });
    appendFileSync(join(damaged, 'found.jsonl'), `${JSON.stringify(line)}\n`, { mode: 0o600 });
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

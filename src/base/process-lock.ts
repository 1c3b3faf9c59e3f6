import { randomUUID } from 'node:crypto';
import * as fs from 'node:fs';
import { hostname } from 'node:os';
import { systemCode } from './errors.ts';

/** What a lock file says about the process that holds it. */
export type LockHolder = {
  readonly pid: number;
  readonly host: string;
  /** Linux: the machine's boot, and the process's start in ticks since it. Null where /proc does not say. */
  readonly bootId: string | null;
  readonly startTicks: string | null;
  /** Told from every other holder, also of the same process. */
  readonly nonce: string;
};

export type LockResult =
  | { readonly held: true; readonly release: () => void }
  /** `holder` null: its file cannot be read, or is just being written. */
  | { readonly held: false; readonly holder: LockHolder | null }
  /** Another start takes a stale lock over just now: its file, and who it is. `holder` null: a file that does not say is believed for 10 s. */
  | { readonly held: false; readonly holder: LockHolder | null; readonly guard: string };

/** What the lock asks the machine; tests give their own. */
export type LockMachine = {
  readonly self: () => Omit<LockHolder, 'nonce'>;
  /** The start ticks of a process of this machine, or null where /proc does not say. */
  readonly startTicksOf: (pid: number) => string | null;
  readonly isAlive: (pid: number) => boolean;
  readonly wallMs: () => number;
};

/** How often a holder touches its file, where its process cannot be looked up. */
const BEAT_MS = 5_000;
/** A holder that cannot be looked up (another host, no /proc) is given up after this silence. */
const SILENT_MS = 60_000;
/** A file that does not say whose it is, as a crash may leave it, is believed so long. */
const NAMELESS_MS = 10_000;

/**
 * Takes an advisory lock: a file that names the process. Never waits. A lock whose process is gone is taken over by one
 * of those who want it. Throws the system's error when the folder cannot be written.
 */
export function takeLock(path: string, machine: LockMachine = thisMachine): LockResult {
  const holder: LockHolder = { ...machine.self(), nonce: randomUUID() };
  if (createLock(path, holder)) return hold(path, holder, machine);

  const seen = readLock(path);
  if (seen.state === 'present' && !isStale(seen, machine)) return { held: false, holder: seen.holder };
  if (!replaceStale(path, holder, machine)) {
    const now = readLock(path);
    if (now.state === 'present' && !isStale(now, machine)) return { held: false, holder: now.holder };
    const guard = readLock(guardOf(path));
    return { held: false, holder: guard.state === 'present' ? guard.holder : null, guard: guardOf(path) };
  }
  return hold(path, holder, machine);
}

/** Who holds a lock that is there and not stale, without taking or changing anything. `holder` as in a `LockResult`. */
export function lookAtLock(
  path: string,
  machine: LockMachine = thisMachine,
): { readonly holder: LockHolder | null } | null {
  const seen = readLock(path);
  return seen.state === 'present' && !isStale(seen, machine) ? { holder: seen.holder } : null;
}

/** Only the owner of the guard file may remove a stale lock, so that nobody removes the lock of who came first. */
function replaceStale(path: string, holder: LockHolder, machine: LockMachine): boolean {
  const guard = guardOf(path);
  if (!createGuard(guard, holder) && !(removeStaleGuard(guard, holder, machine) && createGuard(guard, holder))) {
    return false;
  }
  try {
    const seen = readLock(path);
    if (seen.state === 'present') {
      if (!isStale(seen, machine)) return false;
      fs.rmSync(path, { force: true });
    }
    return createLock(path, holder) && isOurs(path, holder);
  } finally {
    // Of who was taken for dead and is not, the guard may be somebody else's by now.
    if (isOurs(guard, holder)) fs.rmSync(guard, { force: true });
  }
}

function guardOf(path: string): string {
  return `${path}.takeover`;
}

/** False: there is one. After a power cut one that is empty is no harm, so it is not synced. */
function createGuard(guard: string, holder: LockHolder): boolean {
  return createLock(guard, holder, false);
}

/** Of many who see the same stale guard one moves it away; another one that came into its place meanwhile is put back. */
function removeStaleGuard(guard: string, { nonce }: LockHolder, machine: LockMachine): boolean {
  const seen = readLock(guard);
  if (seen.state === 'absent') return true;
  if (!isStale(seen, machine)) return false;
  const moved = `${guard}.${nonce}`;
  try {
    fs.renameSync(guard, moved);
    const is = readLock(moved);
    if (is.state === 'present' && is.holder?.nonce === seen.holder?.nonce && isStale(is, machine)) return true;
    fs.linkSync(moved, guard);
    return false;
  } catch {
    return false; // somebody else was first
  } finally {
    fs.rmSync(moved, { force: true });
  }
}

function hold(path: string, holder: LockHolder, machine: LockMachine): LockResult {
  const beat = setInterval(() => touch(path, holder, machine), BEAT_MS);
  beat.unref();
  const release = (): void => {
    clearInterval(beat);
    process.off('exit', release);
    if (isOurs(path, holder)) fs.rmSync(path, { force: true });
  };
  process.on('exit', release);
  return { held: true, release };
}

/**
 * Writes the whole file first, on disk (`flush`), and links it into place, so that nobody reads half of one, also after a power cut: an
 * empty one is another process's for 10 s. False: there is one already.
 */
function createLock(path: string, holder: LockHolder, flush = true): boolean {
  const draft = `${path}.${holder.nonce}`;
  try {
    fs.writeFileSync(draft, `${JSON.stringify(holder)}\n`, { mode: 0o600, flag: 'wx', flush });
    fs.linkSync(draft, path);
    return true;
  } catch (error) {
    const code = systemCode(error);
    if (code === 'EEXIST') return false;
    if (code === 'ENOSPC' || code === 'EDQUOT') throw error;
    // A file system without hard links (FAT, some network shares).
    return createInPlace(path, holder);
  } finally {
    fs.rmSync(draft, { force: true });
  }
}

function createInPlace(path: string, holder: LockHolder): boolean {
  try {
    fs.writeFileSync(path, `${JSON.stringify(holder)}\n`, { mode: 0o600, flag: 'wx' });
    return true;
  } catch (error) {
    if (systemCode(error) === 'EEXIST') return false;
    throw error;
  }
}

type Seen =
  | { readonly state: 'absent' }
  | { readonly state: 'present'; readonly holder: LockHolder | null; readonly touchedMs: number };

function readLock(path: string): Seen {
  try {
    const touchedMs = fs.statSync(path).mtimeMs;
    return { state: 'present', holder: parseHolder(fs.readFileSync(path, 'utf8')), touchedMs };
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return { state: 'absent' };
    throw error;
  }
}

function parseHolder(text: string): LockHolder | null {
  try {
    const value = JSON.parse(text) as Partial<LockHolder> | null;
    if (value === null || !Number.isSafeInteger(value.pid) || (value.pid ?? 0) <= 0) return null;
    if (typeof value.host !== 'string' || typeof value.nonce !== 'string') return null;
    return {
      pid: value.pid as number,
      host: value.host,
      bootId: typeof value.bootId === 'string' ? value.bootId : null,
      startTicks: typeof value.startTicks === 'string' ? value.startTicks : null,
      nonce: value.nonce,
    };
  } catch {
    return null;
  }
}

function isStale(seen: Seen & { readonly state: 'present' }, machine: LockMachine): boolean {
  const silentMs = machine.wallMs() - seen.touchedMs;
  const { holder } = seen;
  // Half written (no hard links) or damaged.
  if (holder === null) return silentMs > NAMELESS_MS;

  const self = machine.self();
  // Another machine or container on a shared folder: only its silence tells.
  if (holder.host !== self.host) return silentMs > SILENT_MS;
  if (holder.bootId !== null && self.bootId !== null && holder.bootId !== self.bootId) return true;
  if (!machine.isAlive(holder.pid)) return true;
  const ticks = machine.startTicksOf(holder.pid);
  // The number was given to another process since.
  if (ticks !== null && holder.startTicks !== null) return ticks !== holder.startTicks;
  return silentMs > SILENT_MS;
}

function isOurs(path: string, holder: LockHolder): boolean {
  try {
    const seen = readLock(path);
    return seen.state === 'present' && seen.holder?.nonce === holder.nonce;
  } catch {
    return false;
  }
}

function touch(path: string, holder: LockHolder, machine: LockMachine): void {
  try {
    if (!isOurs(path, holder)) return;
    const now = machine.wallMs() / 1000;
    fs.utimesSync(path, now, now);
  } catch {
    // The folder went away or the disk is full: the lock is advisory, and the server itself notices.
  }
}

const thisMachine: LockMachine = {
  self: () => ({
    pid: process.pid,
    host: hostname(),
    bootId: readProc('/proc/sys/kernel/random/boot_id'),
    startTicks: startTicksOf(process.pid),
  }),
  startTicksOf,
  isAlive: (pid) => {
    if (isZombie(pid)) return false;
    try {
      process.kill(pid, 0);
      return true;
    } catch (error) {
      return systemCode(error) === 'EPERM';
    }
  },
  wallMs: () => Date.now(),
};

/** Dead, but nobody has waited for it yet, as in a container whose first process does not reap. */
function isZombie(pid: number): boolean {
  return /^[ZX]/.test(statOf(pid)?.[0] ?? '');
}

function startTicksOf(pid: number): string | null {
  return statOf(pid)?.[19] ?? null;
}

/** /proc/PID/stat from field 3 (the state) on; the command in field 2 may hold spaces and brackets. */
function statOf(pid: number): readonly string[] | null {
  const stat = readProc(`/proc/${pid}/stat`);
  return stat === null ? null : stat.slice(stat.lastIndexOf(')') + 2).split(' ');
}

function readProc(path: string): string | null {
  try {
    return fs.readFileSync(path, 'utf8').trim();
  } catch {
    return null;
  }
}

import { readdirSync, readFileSync } from 'node:fs';

/** One process as `/proc/PID/stat` tells it (proc(5)); CPU in clock ticks, with that of its ended and waited-for children. */
export type ProcStat = {
  readonly pid: number;
  readonly parent: number;
  readonly ownTicks: number;
  readonly childTicks: number;
};

/** User+system CPU and resident memory of a whole process tree at one moment. */
export type TreeUsage = {
  readonly cpuMicros: number;
  readonly rssBytes: number;
  readonly pids: readonly number[];
  /** Resident memory of each of `pids`. */
  readonly rssBytesEach: readonly number[];
};

/** USER_HZ, which the kernel fixes at 100 for what it shows in /proc on every architecture that Node runs on. */
const TICK_MICROS = 10_000;

/** Reads one line of `/proc/PID/stat`. The name in brackets may itself hold spaces and brackets. */
export function parseStat(line: string): ProcStat {
  const open = line.indexOf('(');
  const close = line.lastIndexOf(')');
  if (open < 0 || close < open) throw new Error(`not a /proc/PID/stat line: ${line.slice(0, 60)}`);
  // Fields after the name start with number 3 (state): ppid is 4, utime 14, stime 15, cutime 16, cstime 17.
  const fields = line.slice(close + 2).split(' ');
  const field = (number: number): number => Number(fields[number - 3]);
  return {
    pid: Number(line.slice(0, open)),
    parent: field(4),
    ownTicks: field(14) + field(15),
    childTicks: field(16) + field(17),
  };
}

/** `root` and all that descend from it, parents before children. */
export function treeOf(root: number, all: readonly ProcStat[]): readonly ProcStat[] {
  const found = all.filter((one) => one.pid === root);
  for (let i = 0; i < found.length; i += 1) {
    found.push(...all.filter((one) => one.parent === found[i]!.pid && !found.includes(one)));
  }
  return found;
}

/** Whole machine: busy and all ticks from the first line of `/proc/stat`. */
export function parseMachine(text: string): { readonly busyTicks: number; readonly allTicks: number } {
  const fields = (text.split('\n', 1)[0] ?? '').trim().split(/\s+/).slice(1, 9).map(Number);
  const all = fields.reduce((sum, value) => sum + value, 0);
  // Fields: user nice system idle iowait irq softirq steal.
  return { busyTicks: all - (fields[3] ?? 0) - (fields[4] ?? 0), allTicks: all };
}

/** `VmRSS` of `/proc/PID/status` in bytes; 0 for a process without memory (a zombie). */
export function parseRss(status: string): number {
  const match = /^VmRSS:\s+(\d+) kB$/m.exec(status);
  return match ? Number(match[1]) * 1024 : 0;
}

/** Every process that can be read right now; one that ends meanwhile is left out. */
export function readAllStats(): readonly ProcStat[] {
  const stats: ProcStat[] = [];
  for (const name of readdirSync('/proc')) {
    if (!/^\d+$/.test(name)) continue;
    const line = readProc(`/proc/${name}/stat`);
    if (line !== '') stats.push(parseStat(line));
  }
  return stats;
}

/**
 * Usage of a process tree: all threads (ended ones too), all living descendants, and those that have ended and were waited
 * for. Throws when the root is gone: a broker that died must not look cheap.
 */
export function treeUsage(root: number): TreeUsage {
  const tree = treeOf(root, readAllStats());
  if (tree.length === 0) throw new Error(`process ${root} is gone`);
  const ticks = tree.reduce((sum, one) => sum + one.ownTicks + one.childTicks, 0);
  const rssBytesEach = tree.map((one) => parseRss(readProc(`/proc/${one.pid}/status`)));
  const rssBytes = rssBytesEach.reduce((sum, bytes) => sum + bytes, 0);
  return { cpuMicros: ticks * TICK_MICROS, rssBytes, pids: tree.map((one) => one.pid), rssBytesEach };
}

/** Share of the machine's cores (0..1) that was busy between two readings of `/proc/stat`. */
export function machineBusy(before: string, after: string): number {
  const a = parseMachine(before);
  const b = parseMachine(after);
  return b.allTicks === a.allTicks ? Number.NaN : (b.busyTicks - a.busyTicks) / (b.allTicks - a.allTicks);
}

/** The text of `/proc/stat` now. */
export function readMachine(): string {
  return readProc('/proc/stat');
}

function readProc(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}

import { spawnSync } from 'node:child_process';
import { setPriority } from 'node:os';

/**
 * Gives a process, with all its threads, its place in line for the processor: `first` for one that measures delays, so that
 * its own are not in them (Linux's real-time class, which takes root); `last` for one that stands for other machines.
 * Returns what was done, for the report.
 */
export function place(pid: number, where: 'first' | 'last'): string {
  const [options, name] =
    where === 'first' ? [['-f', '-a', '-p', '1'], 'real-time'] : [['-i', '-a', '-p', '0'], 'idle'];
  if (process.platform === 'linux' && spawnSync('chrt', [...options, String(pid)]).status === 0) return name;
  try {
    setPriority(pid, where === 'first' ? -10 : 10);
    return where === 'first' ? 'nice -10' : 'nice 10';
  } catch {
    return 'as the others';
  }
}

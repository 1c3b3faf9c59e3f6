import { readdirSync, readFileSync } from 'node:fs';

/** The variable by which every process of one run of the tests is known, whatever its parent. */
export const MARK = 'WORKSHOP_RUN';

/**
 * The processes that carry a mark and still live, without this one. Null where the system does not let us look (only
 * Linux has /proc).
 * @param {string} mark
 * @returns {{ pid: number, command: string }[] | null}
 */
export function leftovers(mark) {
  if (process.platform !== 'linux') return null;
  return readdirSync('/proc').flatMap((name) => {
    const pid = Number(name);
    if (!Number.isInteger(pid) || pid === process.pid) return [];
    try {
      if (!readFileSync(`/proc/${pid}/environ`, 'latin1').includes(`${MARK}=${mark}`)) return [];
      // A process that has ended and that its parent has not asked after holds nothing.
      if (/^State:\s+Z/m.test(readFileSync(`/proc/${pid}/status`, 'latin1'))) return [];
      return [{ pid, command: readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ').trim() }];
    } catch {
      return []; // It ended while we looked, or is not ours to read.
    }
  });
}

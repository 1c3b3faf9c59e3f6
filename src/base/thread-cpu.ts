import { openSync, readSync } from 'node:fs';

/** The CPU time that this thread has used so far, in milliseconds. */
export type ThreadCpu = () => number;

/**
 * Reads the CPU time of the thread that calls this, as Linux tells it in `/proc` (exact to a tick of the scheduler, some
 * milliseconds; a read costs about 3 µs). Null on other systems: Node 20 knows there only that of the whole process, with
 * its compiler and collector threads.
 */
export function threadCpu(): ThreadCpu | null {
  try {
    const file = openSync('/proc/thread-self/schedstat', 'r');
    const text = Buffer.alloc(64);
    const read = (): number => {
      const length = readSync(file, text, 0, text.length, 0);
      return Number.parseInt(text.toString('latin1', 0, length), 10) / 1e6; // nanoseconds on the processor come first
    };
    return read() > 0 ? read : null; // all zero: the kernel does not count
  } catch {
    return null;
  }
}

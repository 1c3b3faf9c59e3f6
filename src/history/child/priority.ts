import { execFile } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { constants, setPriority } from 'node:os';
import { type Logger, messageOf } from '../../base/index.ts';

const CHECK_MS = 250;
/** A batch that waits this long for its commit: history gets too little of the processor. */
const LATE_MS = 500;
/** It runs beside the broker again until all batches were in time for this long. */
const CALM_MS = 30_000;

/**
 * History's place in line for the processor. Linux lets a thread that was just woken wait for another's slice to end (some
 * milliseconds, whatever their nice values are) unless the other is of the `idle` class. So that year-long queries do not hold
 * PUBACKs up, history is of that class; but the class gets next to nothing on a machine that others keep busy, so that it
 * leaves it when batches come late. Without Linux or its `chrt`, and for a user who may not leave the class again (on most
 * systems all but root, see `RLIMIT_NICE`), the nice value alone says who goes first.
 */
export type Priority = {
  readonly started: (pid: number) => void;
  readonly gone: () => void;
};

type PriorityOptions = {
  /** Age of the batch that is being committed, ms. */
  readonly inFlightMs: () => number;
  readonly logger: Logger;
};

export function createPriority({ inFlightMs, logger }: PriorityOptions): Priority {
  let pid: number | null = null;
  let idle = false;
  let calmMs = 0;
  let timer: NodeJS.Timeout | null = null;

  const schedule = (wanted: boolean): void => {
    if (pid === null || idle === wanted) return;
    idle = wanted;
    // All threads, also those that are there already; new ones inherit it.
    execFile('chrt', ['-a', wanted ? '-i' : '-o', '-p', '0', String(pid)], (error) => {
      if (error === null) return;
      logger.debug({ error: messageOf(error) }, 'history keeps its nice value alone: chrt could not be run');
      stop();
    });
  };

  const check = (): void => {
    calmMs = inFlightMs() > LATE_MS ? 0 : calmMs + CHECK_MS;
    if (calmMs === 0) schedule(false);
    else if (calmMs >= CALM_MS) schedule(true);
  };

  const stop = (): void => {
    if (timer !== null) clearInterval(timer);
    timer = null;
    pid = null;
  };

  return {
    started: (started) => {
      if (process.platform !== 'linux') return;
      stop();
      pid = started;
      idle = false;
      calmMs = CALM_MS;
      // Nobody is to be shut into the class for good: a child that does nothing tries the way in and out.
      execFile('chrt', ['-i', '0', 'chrt', '-o', '0', 'true'], (error) => {
        if (pid !== started) return;
        if (error !== null) {
          logger.debug(
            { error: messageOf(error) },
            'history keeps its nice value alone: it may not leave the idle class',
          );
          stop();
          return;
        }
        schedule(true);
        timer = setInterval(check, CHECK_MS);
        timer.unref();
      });
    },
    gone: stop,
  };
}

/** Called in the history process when its broker is gone: the next one waits for it, so it is behind nobody any more. */
export function leaveIdleClass(): void {
  if (process.platform !== 'linux') return;
  execFile('chrt', ['-a', '-o', '-p', '0', String(process.pid)], () => {}); // or it just takes longer
}

/** Called in the history process: it lets the broker go first from now on. On Linux each thread has a nice value of its own. */
export function stepBack(niceness: number): void {
  const value = Math.min(niceness, constants.priority.PRIORITY_LOW);
  const threads = process.platform === 'linux' ? readdirSync('/proc/self/task').map(Number) : [];
  for (const thread of threads.length > 0 ? threads : [0]) {
    try {
      setPriority(thread, value);
    } catch {
      // Not allowed here: history runs beside the broker instead of behind it. Or a thread that has just ended.
    }
  }
}

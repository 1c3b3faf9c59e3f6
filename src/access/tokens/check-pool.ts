import type { Reached } from '../../base/index.ts';

/** Runs expensive checks a few at a time; the libuv threads they take are shared with the disk. */
export type CheckPool = {
  /** Runs the check when its turn comes, or answers null at once: no room left to wait, in all or for this address. */
  readonly run: <T>(address: string, check: () => Promise<T>) => Promise<T> | null;
  readonly waiting: () => number;
};

export type CheckPoolOptions = {
  /** Checks that run at once. */
  readonly parallel: number;
  /** Checks that may wait beside them. */
  readonly maxWaiting: number;
  /** Checks of one peer address that may wait, so that one guesser cannot lock out everybody. */
  readonly maxWaitingPerAddress: number;
  /** Where it counts those for whom there is no room. */
  readonly reached: Reached;
};

export function createCheckPool(options: CheckPoolOptions): CheckPool {
  const queue: { readonly address: string; readonly start: () => void }[] = [];
  const waitingOf = new Map<string, number>();
  let running = 0;

  const leaveQueue = (address: string): void => {
    const left = (waitingOf.get(address) ?? 1) - 1;
    if (left > 0) waitingOf.set(address, left);
    else waitingOf.delete(address);
  };

  const next = (): void => {
    running -= 1;
    const job = queue.shift();
    if (job === undefined) return;
    leaveQueue(job.address);
    job.start();
  };

  return {
    waiting: () => queue.length,
    run: (address, check) => {
      const runNow = async () => {
        running += 1;
        try {
          return await check();
        } finally {
          next();
        }
      };
      if (running < options.parallel) return runNow();
      const ofAddress = waitingOf.get(address) ?? 0;
      if (ofAddress >= options.maxWaitingPerAddress) {
        options.reached.maxWaitingSignInsPerAddress += 1;
        return null;
      }
      if (queue.length >= options.maxWaiting) {
        options.reached.maxWaitingSignIns += 1;
        return null;
      }
      waitingOf.set(address, ofAddress + 1);
      return new Promise((resolve, reject) => {
        const start = (): void => {
          runNow().then(resolve, reject);
        };
        queue.push({ address, start });
      });
    },
  };
}

import { Worker } from 'node:worker_threads';

/** Kills processes from a thread of its own. */
export type Killer = {
  /** Sends SIGKILL after so many microseconds; resolves with the `performance.now()` of it. */
  readonly killAfter: (pid: number, us: number) => Promise<number>;
  readonly close: () => Promise<void>;
};

/** A timer of the thread that reads the acknowledgements is woken by them, so that its kills always come in one phase. */
const PROGRAM = `
  const { parentPort } = require('node:worker_threads');
  const { performance } = require('node:perf_hooks');
  const cell = new Int32Array(new SharedArrayBuffer(4));
  parentPort.on('message', ({ pid, us }) => {
    const until = performance.now() + us / 1000;
    if (us > 2000) Atomics.wait(cell, 0, 0, us / 1000 - 1);
    while (performance.now() < until);
    try { process.kill(pid, 'SIGKILL'); } catch {}
    parentPort.postMessage(null);
  });
`;

export function createKiller(): Killer {
  const worker = new Worker(PROGRAM, { eval: true });
  worker.unref();
  return {
    killAfter: (pid, us) =>
      new Promise((resolve) => {
        worker.once('message', () => resolve(performance.now()));
        worker.postMessage({ pid, us });
      }),
    close: async () => {
      await worker.terminate();
    },
  };
}

import { statSync } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { nowMicros } from '../measure/clock.ts';
import { treeUsage } from '../measure/proc.ts';
import { median } from '../measure/summary.ts';
import type { DurablePeer } from '../peers/durable.ts';
import { startWorker, stopProcess } from '../processes.ts';
import type { DurableReport, DurableRequest } from '../worker/durable-messages.ts';

/** What a broker did with messages for a session that is away, and with a `kill -9` in the middle of it. */
export type DurableResult = {
  readonly name: string;
  readonly words: string;
  readonly seconds: number;
  /** PUBACKs a second over the whole time, and of its slowest and its middle second. */
  readonly ackedPerSecond: number;
  readonly slowestSecond: number;
  readonly middleSecond: number;
  readonly cpuMicrosPerMessage: number;
  readonly acked: number;
  readonly diskBytesPerMessage: number;
  /** From the start of the process after the kill to the first connection it takes. */
  readonly startMs: number;
  readonly received: number;
  readonly lost: number;
  readonly twice: number;
  readonly outOfOrder: number;
  readonly drainedPerSecond: number;
};

export type DurableOptions = {
  readonly seconds: number;
  readonly publishers: number;
  readonly window: number;
  readonly payloadBytes: number;
};

/** Publishes for `seconds`, kills the broker while it is at it, starts it again and takes what waited. */
export async function runDurablePeer(peer: DurablePeer, options: DurableOptions): Promise<DurableResult> {
  const { seconds, publishers, window, payloadBytes } = options;
  let running = await peer.start();
  await ask({ step: 'subscribe', port: running.port }, 'subscribed');
  const progress: { total: number; atMicros: number }[] = [];
  const before = treeUsage(running.pid);
  let cpuMicros = 0;
  let diskBytes = 0;
  const cut = await ask({ step: 'publish', port: running.port, publishers, window, payloadBytes }, 'cut', (report) => {
    if (report.said !== 'acked') return;
    progress.push(report);
    const first = progress[0]!;
    if (cpuMicros > 0 || report.atMicros - first.atMicros < seconds * 1e6) return;
    cpuMicros = treeUsage(running.pid).cpuMicros - before.cpuMicros;
    void running.kill().then(async () => {
      diskBytes = await folderBytes(running.folder);
    });
  });
  const acked = cut.acked.reduce((sum, count) => sum + count, 0);
  const first = progress[0]!;
  const last = progress.at(-1)!;
  const rates = perSecond(progress);
  await new Promise((resolve) => setTimeout(resolve, 500)); // the kill's own end
  const startedAt = nowMicros();
  running = await peer.start(running.folder);
  const startMs = (nowMicros() - startedAt) / 1000;
  const drained = await ask({ step: 'drain', port: running.port, acked: cut.acked }, 'drained');
  await running.stop();
  return {
    name: peer.name,
    words: peer.words,
    seconds: (last.atMicros - first.atMicros) / 1e6,
    ackedPerSecond: ((last.total - first.total) * 1e6) / (last.atMicros - first.atMicros),
    slowestSecond: Math.min(...rates),
    middleSecond: median(rates),
    cpuMicrosPerMessage: cpuMicros / last.total,
    acked,
    diskBytesPerMessage: diskBytes / acked,
    startMs,
    received: drained.received,
    lost: drained.lost,
    twice: drained.twice,
    outOfOrder: drained.outOfOrder,
    drainedPerSecond: drained.micros > 0 ? (drained.received * 1e6) / drained.micros : 0,
  };
}

function perSecond(progress: readonly { readonly total: number; readonly atMicros: number }[]): number[] {
  const rates: number[] = [];
  let from = progress[0]!;
  for (const each of progress) {
    if (each.atMicros - from.atMicros < 1e6) continue;
    rates.push(((each.total - from.total) * 1e6) / (each.atMicros - from.atMicros));
    from = each;
  }
  return rates;
}

/** Has a worker of its own do one thing, and waits for its word. */
function ask<Said extends DurableReport['said']>(
  request: DurableRequest,
  said: Said,
  others: (report: DurableReport) => void = () => {},
): Promise<Extract<DurableReport, { said: Said }>> {
  const worker = startWorker(fileURLToPath(new URL('../worker/durable-entry.js', import.meta.url)));
  return new Promise((resolve, reject) => {
    worker.on('message', (report: DurableReport) => {
      if (report.said !== said) {
        others(report);
        return;
      }
      void stopProcess(worker);
      resolve(report as Extract<DurableReport, { said: Said }>);
    });
    worker.on('exit', (code) => reject(new Error(`the ${request.step} worker ended with ${code}`)));
    worker.send(request);
  });
}

async function folderBytes(folder: string): Promise<number> {
  let bytes = 0;
  for (const entry of await readdir(folder, { recursive: true, withFileTypes: true })) {
    if (entry.isFile()) bytes += statSync(join(entry.parentPath, entry.name)).blocks * 512;
  }
  return bytes;
}

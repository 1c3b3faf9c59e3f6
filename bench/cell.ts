import { type Generator, startGenerator } from './generator.ts';
import type { Load } from './loads.ts';
import { usageAtRest } from './measure/at-rest.ts';
import { nowMicros } from './measure/clock.ts';
import { addHistogram, createHistogram, percentile } from './measure/histogram.ts';
import { machineBusy, readMachine, treeUsage } from './measure/proc.ts';
import type { RunningPeer } from './peers/peer.ts';
import { expectedDeliveries, planLoad } from './plan.ts';
import { removeFolder, temporaryFolder } from './processes.ts';
import type { HostResult } from './worker/result.ts';

/** One load once on one broker. Shares are of one core unless said; the figures mean nothing when `failure` is not empty. */
export type Cell = {
  /** Why the cell does not count; empty when every message was delivered exactly once and in order. */
  readonly failure: string;
  readonly delivered: number;
  readonly perSecond: number;
  /** User and system CPU of all of the broker's processes, until it has come to rest, per delivered message. */
  readonly cpuMicrosPerMessage: number;
  readonly p50Micros: number;
  readonly p99Micros: number;
  readonly p999Micros: number;
  readonly brokerShare: number;
  readonly brokerRssBytes: number;
  readonly generators: readonly { readonly cpuShare: number; readonly busyShare: number }[];
  /** Of all cores together. */
  readonly machineShare: number;
};

export type CellOptions = { readonly seconds: number; readonly workers: number };

const DRAIN_MS = 10_000;

/** Runs `load` on `peer` and checks every message. */
export async function runCell(load: Load, peer: RunningPeer, options: CellOptions): Promise<Cell> {
  const folder = temporaryFolder('credits');
  const plans = planLoad(load, options.workers);
  const generators = plans.map(() => startGenerator());
  try {
    const rampMicros = Math.min(500_000, options.seconds * 250_000);
    await Promise.all(
      generators.map((one, i) =>
        one.ask({ step: 'listen', setup: { load, plan: plans[i]!, port: peer.mqttPort, folder, rampMicros } }),
      ),
    );
    await Promise.all(generators.map((one) => one.ask({ step: 'connect' })));
    return await measure(load, peer, generators, options.seconds);
  } finally {
    await Promise.all(generators.map((one) => one.stop()));
    removeFolder(folder);
  }
}

async function measure(
  load: Load,
  peer: RunningPeer,
  generators: readonly Generator[],
  seconds: number,
): Promise<Cell> {
  const before = await usageAtRest(peer.pid);
  const machineBefore = readMachine();
  const startedAt = nowMicros();
  await Promise.all(generators.map((one) => one.ask({ step: 'start' })));
  await new Promise((resolve) => setTimeout(resolve, seconds * 1000));
  const atStop = treeUsage(peer.pid);
  const machineAfter = readMachine();
  const wallMicros = nowMicros() - startedAt;
  const counts = (await Promise.all(generators.map((one) => one.ask({ step: 'stop' })))).flat();
  const sent = [...counts].sort(([a], [b]) => a - b).map(([, count]) => count);
  await Promise.all(generators.map((one) => one.ask({ step: 'drain', sent, deadlineMs: DRAIN_MS })));
  const after = await usageAtRest(peer.pid);
  // Asked for only now, so that a duplicate that comes late is still seen.
  const results = await Promise.all(generators.map((one) => one.ask({ step: 'result', sent })));
  await Promise.all(generators.map((one) => one.ask({ step: 'close' })));
  return {
    ...judge(results, expectedDeliveries(load, new Map(counts))),
    cpuMicrosPerMessage: (after.cpuMicros - before.cpuMicros) / received(results),
    brokerShare: (atStop.cpuMicros - before.cpuMicros) / wallMicros,
    brokerRssBytes: atStop.rssBytes,
    machineShare: machineBusy(machineBefore, machineAfter),
  };
}

type Judged = Omit<Cell, 'cpuMicrosPerMessage' | 'brokerShare' | 'brokerRssBytes' | 'machineShare'>;

/** What the generators' results come to, and whether they count. */
export function judge(results: readonly HostResult[], expected: number): Judged {
  const latencies = createHistogram();
  for (const one of results) {
    const counts = Float64Array.from(one.latencies);
    addHistogram(latencies, { counts, total: counts.reduce((sum, count) => sum + count, 0) });
  }
  const delivered = received(results);
  const micros = Math.max(...results.map((one) => one.lastAt)) - Math.min(...results.map((one) => one.startedAt));
  return {
    failure: failureOf(results, delivered, expected),
    delivered,
    perSecond: (delivered * 1_000_000) / micros,
    p50Micros: percentile(latencies, 0.5),
    p99Micros: percentile(latencies, 0.99),
    p999Micros: percentile(latencies, 0.999),
    generators: results.map(({ publishing }) => ({
      cpuShare: publishing.cpuMicros / publishing.wallMicros,
      busyShare: publishing.busy,
    })),
  };
}

function failureOf(results: readonly HostResult[], delivered: number, expected: number): string {
  const sum = (pick: (one: HostResult) => number): number => results.reduce((total, one) => total + pick(one), 0);
  const reasons = [
    [sum((one) => one.missing), 'not delivered'],
    [sum((one) => one.duplicates), 'delivered twice or too late'],
    [sum((one) => one.gaps), 'jumped over'],
    [sum((one) => one.unacknowledged), 'publishers without all PUBACKs'],
  ] as const;
  const words = reasons.filter(([count]) => count > 0).map(([count, what]) => `${count} ${what}`);
  const faults = results.flatMap((one) => one.faults).slice(0, 2);
  if (expected === 0) return 'nothing was sent';
  if (words.length === 0 && faults.length === 0 && delivered !== expected)
    return `${delivered} delivered of ${expected}`;
  return [...words, ...faults].join('; ');
}

function received(results: readonly HostResult[]): number {
  return results.reduce((sum, one) => sum + one.received, 0);
}

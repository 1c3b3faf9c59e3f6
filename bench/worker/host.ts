import { performance } from 'node:perf_hooks';
import type { Load } from '../loads.ts';
import { nowMicros } from '../measure/clock.ts';
import { createHistogram } from '../measure/histogram.ts';
import { advance, createProgress } from '../measure/progress.ts';
import { missing } from '../measure/sequence.ts';
import type { WorkerPlan } from '../plan.ts';
import { type CreditSender, creditPath, listenForCredits, openCreditSender } from './credits.ts';
import { openPublisher, type Publisher } from './publisher.ts';
import type { HostResult } from './result.ts';
import { openSubscriber, type Subscriber } from './subscriber.ts';

export type HostSetup = {
  readonly load: Load;
  readonly plan: WorkerPlan;
  readonly port: number;
  /** Where the Unix sockets for credits are. */
  readonly folder: string;
  /** Latencies count for messages sent this long after the start. */
  readonly rampMicros: number;
};

/** What one generator process does, in the order of its functions; each process goes through them in step. */
export type Host = {
  readonly listen: () => Promise<void>;
  readonly connect: () => Promise<void>;
  readonly start: () => void;
  /** Stops sending; what each publisher has sent. */
  readonly stop: () => readonly (readonly [publisher: number, sent: number])[];
  /** Waits until everything sent has arrived, or `deadlineMs` has passed, or there was a fault. */
  readonly drain: (sent: readonly number[], deadlineMs: number) => Promise<void>;
  readonly result: (sent: readonly number[]) => HostResult;
  readonly close: () => void;
};

const CONNECTS_AT_ONCE = 20;

/** One generator process's share of a load, also usable inside a test. */
export function createHost({ load, plan, port, folder, rampMicros }: HostSetup): Host {
  const latencies = createHistogram();
  const faults: string[] = [];
  const publishers = new Map<number, Publisher>();
  const subscribers: Subscriber[] = [];
  const senders: CreditSender[] = [];
  const closers: (() => void)[] = [];
  const toPump = new Set<Publisher>();
  const progress = new Map(
    progressPlan(plan).map(([publisher, receivers]) => [publisher, createProgress(receivers, load.window)]),
  );
  let latencyFrom = Number.POSITIVE_INFINITY;
  let startedAt = 0;
  let cpuAtStart = process.cpuUsage();
  let loopAtStart = performance.eventLoopUtilization();
  let publishing: HostResult['publishing'] = { wallMicros: 0, cpuMicros: 0, busy: 0 };

  const fault = (text: string): void => {
    if (faults.length < 20) faults.push(text);
  };
  const pumpAll = (): void => {
    for (const publisher of toPump) publisher.pump();
    toPump.clear();
  };
  const arrived = (publisher: number, sequence: number): void => {
    const known = progress.get(publisher)!;
    if (!advance(known, sequence)) return;
    const local = publishers.get(publisher);
    if (local) {
      local.credit(plan.worker, known.reached);
      toPump.add(local);
      return;
    }
    for (const sender of senders) sender.put(publisher, known.reached);
  };
  const hasAll = (sent: readonly number[]): boolean =>
    subscribers.every((one) => missing(one.checker, sentTo(one, sent)) === 0) &&
    [...publishers.values()].every((one) => one.acknowledged());

  return {
    listen: async () => {
      if (plan.publishers.every((one) => one.receiverWorkers.every((worker) => worker === plan.worker))) return;
      const credit = (publisher: number, worker: number, reached: number): void => {
        const known = publishers.get(publisher);
        if (!known) return;
        known.credit(worker, reached);
        toPump.add(known);
      };
      const server = await listenForCredits(creditPath(folder, plan.worker), credit, pumpAll);
      closers.push(() => server.close());
    },
    connect: async () => {
      // Only a load placed by role has receivers away from their publishers, and then those are all in process 0.
      if (load.placement === 'by-role' && plan.worker !== 0 && plan.subscribers.length > 0) {
        senders.push(await openCreditSender(creditPath(folder, 0), plan.worker, fault));
      }
      const { qos, window, payloadBytes } = load;
      await inGroups(plan.subscribers, async (one) => {
        const setup = { port, clientId: `bench-sub-${one.id}`, qos, payloadBytes, latencies, arrived, fault };
        const late = { latencyFrom: () => latencyFrom, chunkEnd: pumpAll };
        subscribers.push(await openSubscriber(one, { ...setup, ...late }));
      });
      await inGroups(plan.publishers, async (one) => {
        const setup = { port, clientId: `bench-pub-${one.id}`, qos, window, payloadBytes, fault };
        publishers.set(one.id, await openPublisher(one, setup));
      });
    },
    start: () => {
      startedAt = nowMicros();
      latencyFrom = startedAt + rampMicros;
      cpuAtStart = process.cpuUsage();
      loopAtStart = performance.eventLoopUtilization();
      for (const publisher of publishers.values()) publisher.start();
    },
    stop: () => {
      for (const publisher of publishers.values()) publisher.stop();
      const cpu = process.cpuUsage(cpuAtStart);
      const busy = performance.eventLoopUtilization(loopAtStart).utilization;
      publishing = { wallMicros: nowMicros() - startedAt, cpuMicros: cpu.user + cpu.system, busy };
      return [...publishers.values()].map((one) => [one.id, one.sent()]);
    },
    drain: async (sent, deadlineMs) => {
      const until = nowMicros() + deadlineMs * 1000;
      while (!hasAll(sent) && faults.length === 0 && nowMicros() < until) {
        await new Promise((resolve) => setTimeout(resolve, 5));
      }
    },
    result: (sent) => ({
      received: subscribers.reduce((sum, one) => sum + one.received(), 0),
      missing: subscribers.reduce((sum, one) => sum + missing(one.checker, sentTo(one, sent)), 0),
      duplicates: subscribers.reduce((sum, one) => sum + one.checker.duplicates, 0),
      gaps: subscribers.reduce((sum, one) => sum + one.checker.gaps, 0),
      unacknowledged: [...publishers.values()].filter((one) => !one.acknowledged()).length,
      faults: [
        ...faults,
        ...subscribers
          .map((one) => one.checker.firstFault)
          .filter((text) => text !== '')
          .slice(0, 5),
      ],
      latencies: [...latencies.counts],
      startedAt,
      lastAt: Math.max(0, ...subscribers.map((one) => one.lastAt())),
      publishing,
    }),
    close: () => {
      for (const one of [...publishers.values(), ...subscribers, ...senders]) one.close();
      for (const close of closers) close();
    },
  };
}

/** For each publisher that some receiver of this process listens to: how many of them there are. */
function progressPlan(plan: WorkerPlan): readonly (readonly [publisher: number, receivers: number])[] {
  const receivers = new Map<number, number>();
  for (const one of plan.subscribers) {
    for (let id = one.firstPublisher; id < one.firstPublisher + one.publisherCount; id += 1) {
      receivers.set(id, (receivers.get(id) ?? 0) + 1);
    }
  }
  return [...receivers];
}

function sentTo(subscriber: Subscriber, sent: readonly number[]): readonly number[] {
  const { firstPublisher, publisherCount } = subscriber.plan;
  return sent.slice(firstPublisher, firstPublisher + publisherCount);
}

async function inGroups<T>(items: readonly T[], work: (item: T) => Promise<void>): Promise<void> {
  for (let at = 0; at < items.length; at += CONNECTS_AT_ONCE) {
    await Promise.all(items.slice(at, at + CONNECTS_AT_ONCE).map(work));
  }
}

import type { ChildProcess } from 'node:child_process';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { fileURLToPath } from 'node:url';
import { usageAtRest } from '../measure/at-rest.ts';
import { nowMicros } from '../measure/clock.ts';
import { addHistogram, createHistogram, percentile } from '../measure/histogram.ts';
import { place } from '../measure/priority.ts';
import { percentileOf } from '../measure/summary.ts';
import { startWorker, stopProcess } from '../processes.ts';
import { type AckMeter, openAckMeter } from '../worker/ack-meter.ts';
import type { QueryReport, QueryRequest } from '../worker/query-messages.ts';
import { address } from './rest.ts';
import type { Year } from './year.ts';

/**
 * What is asked of history in a phase: nothing; ten queries and an export at once, and again when all have ended; or the
 * same without a pause, each again as soon as it has ended.
 */
export type Asked = 'nothing' | 'at once' | 'without end';

/** Delay of PUBACKs in one phase, in µs. `loopP99` is how late the measuring process itself was. */
export type AckPhase = {
  readonly asked: Asked;
  readonly messages: number;
  readonly p50: number;
  readonly p99: number;
  readonly max: number;
  readonly loopP99: number;
  readonly queries: number;
  readonly queryP50Millis: number;
  readonly queryMaxMillis: number;
  readonly exports: number;
  readonly exportedMiB: number;
  readonly errors: readonly string[];
};

export type QueriesOptions = {
  readonly mqttPort: number;
  readonly httpPort: number;
  /** Root of Sonde's process tree. */
  readonly pid: number;
  readonly year: Year;
  readonly rounds: number;
  readonly seconds: number;
  /** Publishes a second, over all clients. */
  readonly rate: number;
  readonly say: (line: string) => void;
};

const CLIENTS = 10;
const TICK_MS = 5;
/** Delays count from here on in each phase. */
const RAMP_MS = 500;
const BUCKETS = 500;

/** The three kinds of phase in turn; each three are one round. */
export async function measureQueries(options: QueriesOptions): Promise<readonly AckPhase[]> {
  const { mqttPort, rounds, say } = options;
  const meters = await Promise.all(
    Array.from({ length: CLIENTS }, (_, i) => openAckMeter(mqttPort, `bench-ack-${i}`, `bench/ack/${i}`)),
  );
  const asker = startWorker(fileURLToPath(new URL('../worker/query-entry.js', import.meta.url)));
  const phases: AckPhase[] = [];
  // The asker stands for browsers on other machines: it may not take the broker's cores.
  const places = { measuring: place(process.pid, 'first'), asking: place(asker.pid!, 'last') };
  say(`the measuring process runs ${places.measuring}, the asking one ${places.asking}`);
  try {
    await phase('nothing', meters, asker, { ...options, seconds: 2 });
    for (let round = 1; round <= rounds; round += 1) {
      for (const asked of ['nothing', 'at once', 'without end'] as const) {
        const one = await phase(asked, meters, asker, options);
        phases.push(one);
        say(`${round}/${rounds} asked ${asked}: PUBACK p50 ${one.p50} p99 ${one.p99} max ${one.max} µs`);
      }
    }
  } finally {
    for (const meter of meters) meter.close();
    await stopProcess(asker, 2000);
  }
  return phases;
}

async function phase(
  asked: Asked,
  meters: readonly AckMeter[],
  asker: ChildProcess,
  options: QueriesOptions,
): Promise<AckPhase> {
  // Queries that were given up may still run in the history process: they must not fall into the quiet phase.
  await usageAtRest(options.pid);
  if (asked !== 'nothing') asker.send(requestFor(options, asked));
  await publishAtRate(meters, options.rate, RAMP_MS);
  for (const meter of meters) meter.take();
  const loop = monitorEventLoopDelay({ resolution: 1 });
  loop.enable();
  await publishAtRate(meters, options.rate, options.seconds * 1000);
  loop.disable();
  const delays = createHistogram();
  for (const meter of meters) addHistogram(delays, meter.take());
  const failure = meters.map((meter) => meter.failure()).find((text) => text !== '');
  if (failure !== undefined) throw new Error(failure);
  const report = asked === 'nothing' ? null : await reportOf(asker);
  return {
    asked,
    messages: delays.total,
    p50: percentile(delays, 0.5),
    p99: percentile(delays, 0.99),
    max: percentile(delays, 1),
    loopP99: Math.round(loop.percentile(99) / 1000),
    queries: report?.queries ?? 0,
    queryP50Millis: percentileOf(report?.queryMillis ?? [], 0.5),
    queryMaxMillis: percentileOf(report?.queryMillis ?? [], 1),
    exports: report?.exports ?? 0,
    exportedMiB: (report?.exportedBytes ?? 0) / 2 ** 20,
    errors: report?.errors ?? [],
  };
}

function requestFor({ httpPort, year }: QueriesOptions, asked: Asked): QueryRequest {
  const span = { field: 'v', from: year.from, to: year.to };
  const queryUrls = year.topics.map((topic) =>
    address(httpPort, '/api/v1/points', { topic, ...span, points: String(BUCKETS) }),
  );
  const exportUrl = address(httpPort, '/api/v1/points', { topic: year.topics[0]!, ...span, format: 'csv' });
  return { step: 'begin', queryUrls, exportUrl, again: asked === 'at once' ? 'together' : 'each' };
}

function reportOf(asker: ChildProcess): Promise<QueryReport> {
  return new Promise((resolve, reject) => {
    const gone = (code: number | null): void => reject(new Error(`the process that asks history ended with ${code}`));
    asker.once('exit', gone);
    asker.once('message', (report: QueryReport) => {
      asker.off('exit', gone);
      resolve(report);
    });
    const request: QueryRequest = { step: 'end' };
    asker.send(request);
  });
}

/** Sends as many messages as are due by the clock, clients in turn, for `millis`; a late tick sends what it missed. */
async function publishAtRate(meters: readonly AckMeter[], rate: number, millis: number): Promise<void> {
  const startedAt = nowMicros();
  let sent = 0;
  for (;;) {
    const passed = nowMicros() - startedAt;
    if (passed >= millis * 1000) return;
    for (const due = Math.floor((passed * rate) / 1e6); sent < due; sent += 1) meters[sent % meters.length]!.send();
    await new Promise((resolve) => setTimeout(resolve, TICK_MS));
  }
}

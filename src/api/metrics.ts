import { Counter, Gauge, Histogram, Registry } from 'prom-client';
import type { Reached } from '../base/index.ts';
import type { History, HistoryState } from '../history/index.ts';
import type { HttpLoad } from './load.ts';
import { COUNTERS, GAUGES, LEFT_QUEUE } from './metrics-broker.ts';
import { addHistogram } from './metrics-histogram.ts';
import { addLimits, type InUse } from './metrics-limits.ts';
import { addTurns } from './metrics-turns.ts';
import type { ApiBroker, ApiTimings } from './ports.ts';

/** The figures of the whole server, in Prometheus' text. No figure of a client, topic or token ever becomes a label. */
export type Metrics = {
  readonly contentType: string;
  readonly text: () => Promise<string>;
  /** Counts one answer. `route` is the route's pattern, so that the number of labels is bounded. */
  readonly answered: (method: string, route: string, status: number, seconds: number) => void;
};

type Sources = {
  readonly broker: ApiBroker;
  readonly history: History | null;
  readonly timings: ApiTimings;
  readonly version: string;
  readonly activeDownloads: () => number;
  readonly reached: Reached;
  readonly inUse: InUse;
  readonly httpLoad: HttpLoad;
};

const HISTORY_STATES: readonly HistoryState[] = ['starting', 'ok', 'behind', 'down'];
const ACK_HELP =
  'From the read of a PUBLISH of QoS 1 or 2 to the write of its PUBACK or PUBREC: it is durable by then.';
const QUEUE_HELP = 'From the arrival of a message that had to wait for its receiver to its being sent.';
const LEFT_HELP = 'Messages that left a queue: delivered, or why not (drop_oldest: to make room, as queuePolicy says).';
const METHODS = new Set(['GET', 'HEAD', 'POST', 'OPTIONS']);

export function createMetrics(sources: Sources): Metrics {
  const { broker, history, timings, version, activeDownloads, reached, inUse, httpLoad } = sources;
  const register = new Registry();
  const gauge = (name: string, help: string, read: () => number) =>
    new Gauge({
      name,
      help,
      registers: [register],
      collect() {
        this.set(read());
      },
    });
  // The sources count; prom-client only adds, so a counter starts anew at each look.
  const counter = (name: string, help: string, read: () => number) =>
    new Counter({
      name,
      help,
      registers: [register],
      collect() {
        this.reset();
        this.inc(read());
      },
    });

  new Gauge({
    name: 'sonde_build_info',
    help: 'Always 1; the label has the version.',
    labelNames: ['version'],
    registers: [register],
  }).set({ version }, 1);
  gauge('sonde_up', '1 once every listener is open.', () => (broker.health().status === 'starting' ? 0 : 1));

  let figures = broker.stats();
  for (const [name, help, key] of GAUGES) gauge(name, help, () => figures[key]);
  for (const [name, help, key] of COUNTERS) counter(name, help, () => figures[key]);
  new Gauge({
    name: 'sonde_transport_connections',
    help: 'Network connections now, signed in or not yet.',
    labelNames: ['transport'],
    registers: [register],
    collect() {
      this.reset();
      for (const [transport, count] of Object.entries(figures.connectionsByTransport)) this.set({ transport }, count);
    },
  });
  new Counter({
    name: 'sonde_queue_messages_left_total',
    help: LEFT_HELP,
    labelNames: ['why'],
    registers: [register],
    collect() {
      this.reset();
      for (const [why, figure] of LEFT_QUEUE) this.inc({ why }, figures[figure]);
    },
  });
  addLimits(register, reached, inUse);
  addHistogram(register, 'sonde_publish_ack_duration_seconds', ACK_HELP, timings.acknowledged);
  addHistogram(register, 'sonde_store_commit_duration_seconds', 'One commit of the store.', timings.committed);
  addHistogram(register, 'sonde_queue_wait_duration_seconds', QUEUE_HELP, timings.queued);
  addHistogram(register, 'sonde_event_loop_delay_seconds', 'How late a timer runs.', timings.loopDelay);
  addTurns(register, timings.turns);

  if (history !== null) {
    new Gauge({
      name: 'sonde_history_state',
      help: '1 for the state that history is in, 0 for the others.',
      labelNames: ['state'],
      registers: [register],
      collect() {
        const now = history.status().state;
        for (const state of HISTORY_STATES) this.set({ state }, state === now ? 1 : 0);
      },
    });
    counter(
      'sonde_history_messages_total',
      'Messages in history since start.',
      () => history.status().recordedMessages,
    );
    counter('sonde_history_points_total', 'Points in history since start.', () => history.status().recordedPoints);
    counter(
      'sonde_history_dropped_messages_total',
      'QoS 0 messages lost before history.',
      () => history.status().droppedMessages,
    );
    counter('sonde_history_restarts_total', 'Restarts of the history process.', () => history.status().restarts);
    gauge(
      'sonde_history_queued_messages',
      'QoS 1 and 2 messages that wait for history.',
      () => history.status().queuedMessages,
    );
    gauge(
      'sonde_history_queued_bytes',
      'Bytes of QoS 1 and 2 messages that wait for history.',
      inUse.recorderQueueBytes,
    );
    gauge('sonde_history_series', 'Series of all namespaces, as of the last commit.', () => history.status().series);
    gauge('sonde_history_buffered_bytes', 'QoS 0 bytes that wait for history.', () => history.status().bufferedBytes);
    gauge(
      'sonde_history_behind_seconds',
      'Age of the oldest QoS 0 message that history has not committed.',
      () => history.status().behindS,
    );
    gauge(
      'sonde_history_last_commit_timestamp_seconds',
      'Time of the last commit; 0 before the first.',
      () => (history.status().lastCommitUs ?? 0) / 1e6,
    );
  }

  gauge('sonde_http_downloads', 'Downloads now.', activeDownloads);
  gauge('sonde_http_requests_active', 'HTTP requests that are not answered now.', httpLoad.requests);
  gauge('sonde_http_connections', 'Sockets that speak HTTP now, without WebSockets.', httpLoad.connections);
  processMetrics(gauge, counter);

  const labelNames = ['method', 'route', 'status'] as const;
  const answers = new Counter({
    name: 'sonde_http_requests_total',
    help: 'HTTP answers.',
    labelNames,
    registers: [register],
  });
  const durations = new Histogram({
    name: 'sonde_http_request_duration_seconds',
    help: 'From the request to the end of its answer.',
    labelNames: ['route'],
    buckets: [0.005, 0.025, 0.1, 0.5, 2.5, 10, 60],
    registers: [register],
  });

  return {
    contentType: register.contentType,
    text: () => {
      timings.turns.begin('metrics');
      figures = broker.stats(); // once a look
      return register.metrics();
    },
    answered: (method, route, status, seconds) => {
      answers.inc({ method: METHODS.has(method) ? method : 'other', route, status: String(status) });
      durations.observe({ route }, seconds);
    },
  };
}

type Define = (name: string, help: string, read: () => number) => unknown;

// prom-client's own set watches every garbage collection and wakes 100 times a second: too much beside the hot path.
function processMetrics(gauge: Define, counter: Define): void {
  const startedS = Date.now() / 1000 - process.uptime();
  gauge('process_start_time_seconds', 'Start of the process, since 1970 UTC.', () => startedS);
  gauge('process_resident_memory_bytes', 'Resident memory.', () => process.memoryUsage.rss());
  gauge('nodejs_heap_used_bytes', 'JavaScript heap in use.', () => process.memoryUsage().heapUsed);
  counter('process_cpu_seconds_total', 'CPU time of the process, all threads.', () => {
    const { user, system } = process.cpuUsage();
    return (user + system) / 1e6;
  });
  counter(
    'sonde_event_loop_active_seconds_total',
    'Time that the event loop was not idle.',
    () => performance.eventLoopUtilization().active / 1000,
  );
}

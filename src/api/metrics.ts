import { Counter, Gauge, Histogram, Registry } from 'prom-client';
import type { History, HistoryState } from '../history/index.ts';
import type { ApiBroker } from './ports.ts';

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
  readonly version: string;
  readonly activeDownloads: () => number;
};

const HISTORY_STATES: readonly HistoryState[] = ['starting', 'ok', 'behind', 'down'];
const METHODS = new Set(['GET', 'HEAD', 'POST', 'OPTIONS']);

export function createMetrics({ broker, history, version, activeDownloads }: Sources): Metrics {
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

  gauge('sonde_connections', 'MQTT connections now.', () => broker.stats().connections);
  gauge('sonde_sessions', 'MQTT sessions now, connected or kept.', () => broker.stats().sessions);
  gauge('sonde_subscriptions', 'Subscriptions now.', () => broker.stats().subscriptions);
  gauge('sonde_retained_messages', 'Retained messages now.', () => broker.stats().retained);
  counter('sonde_connections_total', 'MQTT connections that were let in.', () => broker.stats().connectionsTotal);
  counter(
    'sonde_connections_refused_total',
    'MQTT connections that were refused.',
    () => broker.stats().connectionsRefused,
  );
  counter('sonde_messages_received_total', 'PUBLISH packets from clients.', () => broker.stats().messagesIn);
  counter('sonde_messages_sent_total', 'PUBLISH packets to clients.', () => broker.stats().messagesOut);
  counter('sonde_received_bytes_total', 'Bytes from clients.', () => broker.stats().bytesIn);
  counter('sonde_sent_bytes_total', 'Bytes to clients.', () => broker.stats().bytesOut);
  counter('sonde_messages_dropped_total', 'Messages dropped at a limit.', () => broker.stats().dropped);
  counter(
    'sonde_messages_expired_total',
    'Messages that waited beyond their expiry interval.',
    () => broker.stats().messagesExpired,
  );
  counter(
    'sonde_protocol_errors_total',
    'Connections closed for a broken packet.',
    () => broker.stats().protocolErrors,
  );

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
    gauge('sonde_history_buffered_bytes', 'QoS 0 bytes that wait for history.', () => history.status().bufferedBytes);
    gauge(
      'sonde_history_last_commit_timestamp_seconds',
      'Time of the last commit; 0 before the first.',
      () => (history.status().lastCommitUs ?? 0) / 1e6,
    );
  }

  gauge('sonde_http_downloads', 'Downloads now.', activeDownloads);
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
    text: () => register.metrics(),
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

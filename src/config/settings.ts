import { type AccessLimits, DEFAULT_ACCESS_LIMITS, type TopicRule } from '../access/index.ts';
import {
  type BrokerLimits,
  DEFAULT_LIMITS,
  DEFAULT_MQTT5,
  type Mqtt5Settings,
  type QueuePolicy,
  type Sharing,
} from '../broker/index.ts';
import { DEFAULT_TLS, type TlsSettings } from '../certificates/index.ts';
import { DEFAULT_PACING, type PacingLimits } from '../transport/index.ts';
import type { PlainListener, TlsListener, UnixListener } from './listener.ts';

export type LogLevel = 'debug' | 'info' | 'warn' | 'error';

/** Every bound of the server, with its unit in its name: the broker's (see there for what happens at each) and history's. */
export type Limits = BrokerLimits &
  AccessLimits &
  PacingLimits & {
    readonly maxHandshakes: number;
    readonly maxSeries: number;
    readonly maxJsonDepth: number;
    readonly maxJsonPaths: number;
    readonly maxJsonTextChars: number;
    readonly maxHttpConnections: number;
    readonly maxHttpRequests: number;
    readonly httpBodyBytes: number;
    readonly httpHeaderBytes: number;
    readonly httpRequestTimeoutS: number;
    readonly httpQueries: number;
    readonly httpDownloads: number;
    readonly maxLiveTopics: number;
    readonly maxViewers: number;
    readonly maxDigestsPerViewer: number;
    readonly maxDigestsPerNamespace: number;
    readonly diskReservePercent: number;
    readonly diskReserveBytes: number;
    readonly memoryWatermarkBytes: number;
    readonly qos0BufferBytes: number;
    readonly historyMemoryBytes: number;
    readonly historyQueries: number;
    readonly historyQueryTimeoutS: number;
  };

/** What `sonde serve` runs with: checked, complete, never changed. */
export type Settings = {
  /** The data folder, absolute. */
  readonly data: string;
  readonly mqtt: readonly PlainListener[];
  readonly http: readonly PlainListener[];
  readonly mqtts: readonly TlsListener[];
  readonly https: readonly TlsListener[];
  readonly unix: readonly UnixListener[];
  /** What the TLS listeners share. */
  readonly tls: TlsSettings;
  readonly anonymous: 'none' | 'local' | 'all';
  readonly durability: 'sync' | 'async';
  readonly history: 'duckdb' | 'off';
  /** Which member of a shared subscription gets a message. */
  readonly sharedSubscriptions: Sharing;
  /** What happens at the bound of a session's or a group's queue. */
  readonly queuePolicy: QueuePolicy;
  readonly rules: readonly TopicRule[];
  readonly limits: Limits;
  /** What MQTT 5.0 leaves to the server; see the broker. */
  readonly mqtt5: Mqtt5Settings;
  /** Seconds between two rounds of the topics under `$SYS/`; 0: there are none. */
  readonly sysIntervalSeconds: number;
  readonly log: { readonly level: LogLevel; readonly format: 'pretty' | 'json' };
};

const MIB = 1024 * 1024;

/** The one place where defaults stand. `data` is made absolute against the working directory. */
export const DEFAULTS: Settings = {
  data: './sonde-data',
  mqtt: [{ host: null, port: 1883 }],
  http: [{ host: null, port: 8080 }],
  mqtts: [],
  https: [],
  unix: [],
  tls: DEFAULT_TLS,
  anonymous: 'local',
  durability: 'sync',
  history: 'duckdb',
  sharedSubscriptions: 'fair',
  queuePolicy: 'refuse-new',
  rules: [],
  limits: {
    ...DEFAULT_LIMITS,
    ...DEFAULT_ACCESS_LIMITS,
    ...DEFAULT_PACING,
    // Sockets of one listener that have not finished the PROXY header and TLS. More: closed at once.
    maxHandshakes: 5000,
    // Series of one namespace. More: the payload is kept as text, with its topic.
    maxSeries: 100_000,
    // Nesting, values and the longest string of a JSON payload. More: the payload is kept as text, whole.
    maxJsonDepth: 32,
    maxJsonPaths: 1000,
    maxJsonTextChars: 65_536,
    // Sockets that speak HTTP, on all listeners. More: closed at once.
    maxHttpConnections: 2000,
    // Requests under way, on all listeners. More: 503.
    maxHttpRequests: 256,
    // Body of a request: 413. Its line and headers: 431. From its first byte to its last: 408.
    httpBodyBytes: 2 * MIB,
    httpHeaderBytes: 16 * 1024,
    httpRequestTimeoutS: 30,
    // Questions to history and downloads whose answers are under way. More: 503.
    httpQueries: 16,
    httpDownloads: 4,
    // Topics of one namespace in the live index. More: they are counted, and not shown.
    maxLiveTopics: 100_000,
    // Connections that watch the live view. More: SUBSCRIBE to `$sonde/` is refused (0x97).
    maxViewers: 1000,
    maxDigestsPerViewer: 64,
    maxDigestsPerNamespace: 512,
    // What stays free of the disk that the data folder is on: so much of it, and so many bytes at least, but no more than a
    // quarter of a small disk for these. Less free: publishers of what is recorded or kept wait.
    diskReservePercent: 5,
    diskReserveBytes: 1024 * MIB,
    // QoS 0 messages on their way to history. Full: publishers are read more slowly.
    // 0: six tenths of what the machine or its control group has. There load is shed, see base/memory-watermark.ts.
    memoryWatermarkBytes: 0,
    qos0BufferBytes: 64 * MIB,
    // DuckDB's buffer pool; its process takes about 150 MiB more.
    historyMemoryBytes: 256 * MIB,
    // History queries and exports at once. More: they wait, then 503.
    historyQueries: 4,
    historyQueryTimeoutS: 30,
  },
  mqtt5: DEFAULT_MQTT5,
  sysIntervalSeconds: 10,
  log: { level: 'info', format: 'pretty' },
};

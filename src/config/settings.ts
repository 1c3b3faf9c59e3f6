import type { TopicRule } from '../access/index.ts';

/** Where to listen. `host` null: every interface. Port 0: one that the system picks. */
export type ListenAddress = { readonly host: string | null; readonly port: number };

export type LogLevel = 'debug' | 'info' | 'warn' | 'error';

/** Every bound of the server, with its unit in its name. Each default says what happens at the bound. */
export type Limits = {
  readonly maxPacketBytes: number;
  readonly maxConnectBytes: number;
  readonly connectTimeoutS: number;
  readonly maxConnections: number;
  readonly maxInflight: number;
  readonly receiveMaximum: number;
  readonly maxQueuedMessages: number;
  readonly maxQueuedBytes: number;
  readonly maxOutputBytes: number;
  readonly maxSessions: number;
  readonly maxSessionExpiryS: number;
  readonly maxSubscriptionsPerSession: number;
  readonly maxTopicLevels: number;
  readonly maxRetainedMessages: number;
  readonly maxRetainedBytes: number;
  readonly qos0BufferBytes: number;
  readonly historyMemoryBytes: number;
  readonly historyQueries: number;
  readonly historyQueryTimeoutS: number;
};

/** What `sonde serve` runs with: checked, complete, never changed. */
export type Settings = {
  /** The data folder, absolute. */
  readonly data: string;
  readonly mqtt: readonly ListenAddress[];
  readonly http: readonly ListenAddress[];
  readonly anonymous: 'none' | 'local' | 'all';
  readonly durability: 'sync' | 'async';
  readonly history: 'duckdb' | 'off';
  readonly rules: readonly TopicRule[];
  readonly limits: Limits;
  readonly log: { readonly level: LogLevel; readonly format: 'pretty' | 'json' };
};

const KIB = 1024;
const MIB = 1024 * KIB;

/** The one place where defaults stand. `data` is made absolute against the working directory. */
export const DEFAULTS: Settings = {
  data: './sonde-data',
  mqtt: [{ host: null, port: 1883 }],
  http: [{ host: null, port: 8080 }],
  anonymous: 'local',
  durability: 'sync',
  history: 'duckdb',
  rules: [],
  limits: {
    // A photo of an ESP32 camera or a phone passes; a thousand half-sent packets still fit into memory. Longer: the
    // connection is closed (5.0: DISCONNECT 0x95, packet too large).
    maxPacketBytes: 4 * MIB,
    // Before somebody is known they get no more room than a CONNECT with a full will of 64 KiB needs. Longer: closed.
    maxConnectBytes: 128 * KIB,
    // From the accepted socket to a complete CONNECT. Later: closed.
    connectTimeoutS: 10,
    // Sockets open at once. More: refused (5.0: CONNACK 0x97, quota exceeded; 3.x: 3, server unavailable).
    maxConnections: 20_000,
    // QoS 1 and 2 messages on the way to one client without its acknowledgement, if it asks for no less. More: they wait.
    maxInflight: 128,
    // QoS 1 and 2 messages that a 5.0 client may have under way to us. More: DISCONNECT 0x93.
    receiveMaximum: 1024,
    // Messages and payload bytes that wait for one session. More: the newest is refused and counted, never a queued one.
    maxQueuedMessages: 100_000,
    maxQueuedBytes: 64 * MIB,
    // Bytes that wait for one slow connection. More: QoS 0 to it is dropped and counted, publishers are read more slowly.
    maxOutputBytes: 8 * MIB,
    // Sessions, connected or kept. More: a new persistent session is refused.
    maxSessions: 100_000,
    // umqtt.robust asks for sessions that never end: they end after 14 days away.
    maxSessionExpiryS: 14 * 24 * 3600,
    // More: SUBACK 0x97 (3.x: 0x80).
    maxSubscriptionsPerSession: 1000,
    // Levels of a topic name or filter. More: the packet is refused.
    maxTopicLevels: 200,
    // Retained messages and their payload bytes in one namespace. More: the new one is delivered but not kept.
    maxRetainedMessages: 100_000,
    maxRetainedBytes: 256 * MIB,
    // QoS 0 messages on their way to history. Full: publishers are read more slowly.
    qos0BufferBytes: 64 * MIB,
    // DuckDB's buffer pool; its process takes about 150 MiB more.
    historyMemoryBytes: 256 * MIB,
    // History queries and exports at once. More: they wait, then 503.
    historyQueries: 4,
    historyQueryTimeoutS: 30,
  },
  log: { level: 'info', format: 'pretty' },
};

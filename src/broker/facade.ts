import type { Principal } from '../access/index.ts';

/** What the rooms above the broker (live, api, main) may ask of it. Worlds are named by their namespace. */

export type QoS = 0 | 1 | 2;

export type PublishRequest = {
  readonly topic: string;
  readonly payload: Uint8Array;
  readonly qos: QoS;
  readonly retain: boolean;
};

export type PublishOutcome =
  | { readonly ok: true }
  | {
      readonly ok: false;
      readonly reason: 'not-authorized' | 'bad-topic' | 'too-large' | 'full' | 'unavailable';
      readonly detail: string;
    };

/** One session, connected or kept for later. Times are microseconds since 1970 UTC. */
export type ClientInfo = {
  readonly clientId: string;
  readonly connected: boolean;
  readonly version: 3 | 4 | 5;
  readonly address: string;
  readonly transport: string;
  readonly principal: string;
  /** A token and a certificate may have one name. */
  readonly principalKind: Principal['kind'];
  readonly connectedAtUs: number;
  readonly disconnectedAtUs: number | null;
  readonly keepAliveS: number;
  /** Seconds that the session outlives its connection; 0 ends with it, null never ends. */
  readonly expiryS: number | null;
  readonly subscriptions: readonly { readonly filter: string; readonly qos: QoS }[];
  readonly inFlight: number;
  readonly queued: number;
  readonly messagesIn: number;
  readonly messagesOut: number;
  readonly bytesIn: number;
  readonly bytesOut: number;
  /** Messages that it did not get: it was too slow, its queue was full, or they were larger than it takes. */
  readonly dropped: number;
  /** How often a new connection took its client id from one that still had it. */
  readonly takeovers: number;
  /** Addresses of the devices that take its client id from each other; empty when it is its own. */
  readonly sharedBy: readonly string[];
  /** Messages that waited for it beyond their Message Expiry Interval. */
  readonly expired: number;
};

/** What only grows. */
export type Traffic = {
  /** Network connections that were opened; 0 for a world, since they belong to none before their CONNECT. */
  readonly connectionsTotal: number;
  /** CONNECT packets. */
  readonly connects: number;
  /** Packets of any type. */
  readonly packetsIn: number;
  readonly packetsOut: number;
  /** PUBLISH, with wills and what is published inside the process. */
  readonly messagesIn: number;
  readonly messagesOut: number;
  readonly payloadBytesIn: number;
  readonly payloadBytesOut: number;
  readonly bytesIn: number;
  readonly bytesOut: number;
  readonly dropped: number;
  /** Messages that waited beyond their Message Expiry Interval, for a client or among the retained ones. */
  readonly messagesExpired: number;
  /** Sessions that ended since their clients stayed away too long. */
  readonly sessionsExpired: number;
  /** Messages that were not queued for a receiver, at a bound. */
  readonly queueRefused: number;
  /** Messages that left a queue since their receiver has them, or cannot or may not have them, */
  readonly queueDelivered: number;
  readonly queueUndeliverable: number;
  /** since they waited too long, since the queue ended, or to make room for newer ones. */
  readonly queueExpired: number;
  readonly queueEnded: number;
  readonly queuePushedOut: number;
};

/** The figures of one world: what was counted since start, and gauges. */
export type WorldStats = Traffic & {
  /** Sessions, connected or kept. */
  readonly sessions: number;
  /** Clients that are signed in. */
  readonly connected: number;
  /** The most that were signed in at a time. */
  readonly maxConnected: number;
  readonly subscriptions: number;
  /** How many of them are shared. */
  readonly sharedSubscriptions: number;
  readonly retained: number;
  /** What the retained messages cost. */
  readonly retainedBytes: number;
  /** Messages that wait for sessions or are in flight to them. */
  readonly queued: number;
  /** With their topics and payloads. */
  readonly queuedBytes: number;
};

/** The figures of the whole server: the sums of its worlds and of what belongs to none. */
export type BrokerStats = WorldStats & {
  /** Gauge: network connections, signed in or not yet. */
  readonly connections: number;
  /** Gauge. */
  readonly connectionsByTransport: Readonly<Record<string, number>>;
  readonly connectionsRefused: number;
  readonly protocolErrors: number;
  /** Gauge: groups of shared subscriptions. */
  readonly sharedGroups: number;
  /** Gauge: topics whose receivers are remembered. */
  readonly cachedTopics: number;
  /** Gauge: connections that others wait for, since too much waits for them. */
  readonly receiversBehind: number;
  /** Gauge: publishers that are not read, since they are above their rate. */
  readonly publishersSlowed: number;
  /** Gauge: publishers that are not read, since there is no room for what they send in the store, on the disk or in history. */
  readonly publishersWaiting: number;
  /** The recorder's queue is at its bound. */
  readonly recorderFull: boolean;
};

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
  /** QoS 0 messages that it was too slow to take. */
  readonly dropped: number;
};

/** Counters since start; monotonic unless said. */
export type BrokerStats = {
  /** Gauge. */
  readonly connections: number;
  /** Gauge: sessions, connected or kept. */
  readonly sessions: number;
  /** Gauge. */
  readonly subscriptions: number;
  /** Gauge. */
  readonly retained: number;
  readonly connectionsTotal: number;
  readonly connectionsRefused: number;
  readonly messagesIn: number;
  readonly messagesOut: number;
  readonly bytesIn: number;
  readonly bytesOut: number;
  readonly dropped: number;
  readonly protocolErrors: number;
};

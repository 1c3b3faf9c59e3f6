/** Every bound of the broker with its default. Units are in the names. */
export type BrokerLimits = {
  /** Largest packet that is taken; announced to MQTT 5 clients. */
  readonly maxPacketBytes: number;
  /** Bytes that a connection may send before it is let in: a CONNECT with will and password fits. */
  readonly maxBytesBeforeConnect: number;
  /** Time to send CONNECT. */
  readonly connectTimeoutMs: number;
  readonly maxConnections: number;
  /** QoS 1 and 2 messages sent to a client and not acknowledged; an MQTT 5 client may ask for fewer. */
  readonly maxInflight: number;
  /** Incoming QoS 1 and 2 messages in work; announced to MQTT 5 clients as Receive Maximum. */
  readonly receiveMaximum: number;
  /** Messages that wait for one session. */
  readonly maxQueuedMessages: number;
  /** Payload bytes that wait for one session. */
  readonly maxQueuedBytes: number;
  readonly maxSubscriptionsPerSession: number;
  readonly maxFiltersPerPacket: number;
  readonly maxTopicLevels: number;
  readonly maxRetainedMessages: number;
  /** Sessions, connected or kept. */
  readonly maxSessions: number;
  /** The longest that a session is kept for a client that is away; a longer wish is cut to it. */
  readonly maxSessionExpiryS: number;
  /** Bytes that wait for one connection before those who publish to it are read more slowly. */
  readonly outputHighWaterBytes: number;
  /** How long a receiver may take no byte before nobody waits for it any more and its QoS 0 messages are dropped. */
  readonly stalledAfterMs: number;
  /** Topics whose receivers are remembered, per world. */
  readonly topicCacheEntries: number;
};

export const DEFAULT_LIMITS: BrokerLimits = {
  maxPacketBytes: 16 * 1024 * 1024,
  maxBytesBeforeConnect: 128 * 1024,
  connectTimeoutMs: 10_000,
  maxConnections: 15_000,
  maxInflight: 1000,
  receiveMaximum: 1000,
  maxQueuedMessages: 100_000,
  maxQueuedBytes: 64 * 1024 * 1024,
  maxSubscriptionsPerSession: 10_000,
  maxFiltersPerPacket: 1000,
  maxTopicLevels: 256,
  maxRetainedMessages: 1_000_000,
  maxSessions: 100_000,
  maxSessionExpiryS: 30 * 24 * 3600,
  outputHighWaterBytes: 1024 * 1024,
  stalledAfterMs: 2000,
  topicCacheEntries: 131_072,
};

/** Inbound topic aliases that an MQTT 5 client may set on one connection. */
export const TOPIC_ALIAS_MAXIMUM = 32;

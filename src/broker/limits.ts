/** Every bound of the broker, with its unit in its name. */
export type BrokerLimits = {
  readonly maxPacketBytes: number;
  readonly maxConnectBytes: number;
  readonly connectTimeoutS: number;
  readonly signInTimeoutS: number;
  readonly maxConnections: number;
  readonly maxConnectionsPerNamespace: number;
  readonly maxInflight: number;
  readonly receiveMaximum: number;
  readonly topicAliasMaximum: number;
  readonly maxOutgoingAliases: number;
  readonly maxKeepAliveS: number;
  readonly maxQueuedMessages: number;
  readonly maxQueuedBytes: number;
  readonly maxQueuedMessagesInAll: number;
  readonly maxQueuedBytesInAll: number;
  readonly maxLogBytes: number;
  readonly maxUnsyncedBytes: number;
  readonly maxWaitingAcks: number;
  readonly maxRecorderQueueMessages: number;
  readonly maxRecorderQueueBytes: number;
  readonly maxOutputBytes: number;
  readonly stalledAfterMs: number;
  readonly maxSessions: number;
  readonly maxSessionExpiryS: number;
  readonly maxSubscriptionsPerSession: number;
  readonly maxSubscriptionBytesPerSession: number;
  readonly maxFiltersPerPacket: number;
  readonly maxSharedGroups: number;
  readonly maxTopicBytes: number;
  readonly maxTopicLevels: number;
  readonly maxRetainedMessages: number;
  readonly maxRetainedBytes: number;
  readonly topicCacheEntries: number;
  readonly maxPublishPerS: number;
  readonly maxPublishBytesPerS: number;
  readonly maxNamespacePublishPerS: number;
  readonly maxNamespacePublishBytesPerS: number;
};

const KIB = 1024;
const MIB = 1024 * KIB;

/** The defaults, each with what happens at the bound. */
export const DEFAULT_LIMITS: BrokerLimits = {
  // A photo of an ESP32 camera or a phone passes; a thousand half-sent packets still fit into memory. Larger: the
  // connection is closed (5.0: DISCONNECT 0x95, packet too large).
  maxPacketBytes: 4 * MIB,
  // Before somebody is known they get no more room than a CONNECT with a full will of 64 KiB needs. More: closed.
  maxConnectBytes: 128 * KIB,
  // From the accepted socket to a complete CONNECT. Later: closed.
  connectTimeoutS: 10,
  // From there to the answer of a sign-in that waits for us: secrets are checked some at a time. Later: closed.
  signInTimeoutS: 60,
  // Sockets open at once. More: closed at once.
  maxConnections: 20_000,
  // Clients of one namespace that are signed in at once. More: CONNECT is refused (5.0: 0x97; 3.x: 3).
  maxConnectionsPerNamespace: 20_000,
  // QoS 1 and 2 messages on their way to one client, if it asks for no fewer. More: they wait in its queue.
  maxInflight: 1000,
  // QoS 1 and 2 messages that a 5.0 client may have under way to us: announced.
  receiveMaximum: 1024,
  // Topics that a 5.0 client may give an alias on one connection: announced. Higher: the connection is closed (0x94).
  topicAliasMaximum: 32,
  // Topics that get an alias on a connection whose client allows it. More: the ones not sent lately give theirs up. 0: none.
  maxOutgoingAliases: 32,
  // A 5.0 client that asks for more, or for none at all (0), is told this one (Server Keep Alive). 65,535: it has its will.
  maxKeepAliveS: 65_535,
  // Messages and their bytes that wait for one session or group. More: as `queuePolicy` says.
  maxQueuedMessages: 100_000,
  maxQueuedBytes: 64 * MIB,
  // Those of all, each as often as it waits: 20 bytes of memory an entry, and its bytes on disk once. More: the same.
  maxQueuedMessagesInAll: 2_000_000,
  maxQueuedBytesInAll: 4 * 1024 * MIB,
  // The store's log on disk. More: queues take no more, as at the bounds above.
  maxLogBytes: 16 * 1024 * MIB,
  // Bytes that wait to be synced. More: publishers whose messages are kept wait until half of it is synced.
  maxUnsyncedBytes: 64 * MIB,
  // Acknowledgements of one connection that wait for a sync: there are no more packet identifiers. More: it is not read.
  maxWaitingAcks: 65_535,
  // The recorder's queue of QoS 1 and 2. More: publishers of recorded topics wait until a tenth of it is free.
  maxRecorderQueueMessages: 1_000_000,
  maxRecorderQueueBytes: 256 * MIB,
  // Bytes that wait for one slow connection. More: those who publish to it are read more slowly.
  maxOutputBytes: 1 * MIB,
  // How long it may take no byte before nobody waits for it any more: then its QoS 0 messages are dropped and counted.
  stalledAfterMs: 2000,
  // Sessions, connected or kept. More: CONNECT is refused (5.0: 0x97, quota exceeded; 3.x: 3, server unavailable).
  maxSessions: 100_000,
  // umqtt.robust asks for sessions that never end: they end after 14 days away.
  maxSessionExpiryS: 14 * 24 * 3600,
  // More: SUBACK 0x97 (3.x: 0x80).
  maxSubscriptionsPerSession: 1000,
  // What their filters cost: a thousand of 20 levels.
  maxSubscriptionBytesPerSession: 4 * MIB,
  maxFiltersPerPacket: 1000,
  // Groups of shared subscriptions in one namespace; each has a queue of its own. More: SUBACK 0x97 (3.x: 0x80).
  maxSharedGroups: 10_000,
  // UTF-8 bytes of a topic name or filter; MQTT has no longer ones. More: as for its levels.
  maxTopicBytes: 65_535,
  // Levels of a topic name or filter. More: the name ends the connection (5.0: 0x90), the filter is refused (0x8f).
  maxTopicLevels: 200,
  // Retained messages and their payload bytes in one namespace. More: the new one is delivered but not kept.
  maxRetainedMessages: 100_000,
  maxRetainedBytes: 256 * MIB,
  // Topics whose receivers are remembered, per namespace. More: the ones not used lately are worked out anew.
  topicCacheEntries: 131_072,
  // PUBLISH packets of one connection in a second, and bytes of those reads that bring some; the same of all connections of a
  // namespace. 0: no limit. More: they are read more slowly.
  maxPublishPerS: 0,
  maxPublishBytesPerS: 0,
  maxNamespacePublishPerS: 0,
  maxNamespacePublishBytesPerS: 0,
};

/** Bytes of one packet of enhanced authentication before its client is known. More: closed (0x95). */
export const MAX_AUTH_BYTES = 8 * KIB;

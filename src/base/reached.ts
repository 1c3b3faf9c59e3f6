/**
 * The bounds at which something was refused, slowed down or cut, each by the name of its setting under `limits`. A closed
 * list: they are the values of a label in `/metrics`, and docs/limits.md says of each what happens at it.
 */
export const BOUNDS = [
  'maxConnections',
  'maxWaitingConnections',
  'maxPendingPerAddress',
  'maxSilentPerAddress',
  'maxConnectionsPerS',
  'maxHandshakes',
  'maxConnectionsPerNamespace',
  'maxSessions',
  'maxWaitingSignIns',
  'maxWaitingSignInsPerAddress',
  'signInTimeoutS',
  'maxConnectBytes',
  'connectTimeoutS',
  'maxPacketBytes',
  'maxTopicBytes',
  'maxTopicLevels',
  'receiveMaximum',
  'topicAliasMaximum',
  'maxOutgoingAliases',
  'maxKeepAliveS',
  'maxSessionExpiryS',
  'maxQueuedMessages',
  'maxQueuedBytes',
  'maxQueuedMessagesInAll',
  'maxQueuedBytesInAll',
  'maxLogBytes',
  'maxUnsyncedBytes',
  'maxWaitingAcks',
  'maxRecorderQueueMessages',
  'maxRecorderQueueBytes',
  'maxOutputBytes',
  'memoryWatermarkBytes',
  'stalledAfterMs',
  'maxSubscriptionsPerSession',
  'maxSubscriptionBytesPerSession',
  'maxFiltersPerPacket',
  'maxSharedGroups',
  'maxRetainedMessages',
  'maxRetainedBytes',
  'maxSeries',
  'maxJsonDepth',
  'maxJsonPaths',
  'maxJsonTextChars',
  'historyQueries',
  'historyQueryTimeoutS',
  'maxHttpConnections',
  'maxHttpRequests',
  'httpBodyBytes',
  'httpHeaderBytes',
  'httpRequestTimeoutS',
  'httpQueries',
  'httpDownloads',
  'maxPublishPerS',
  'maxPublishBytesPerS',
  'maxNamespacePublishPerS',
  'maxNamespacePublishBytesPerS',
  'maxLiveTopics',
  'maxViewers',
  'maxDigestsPerViewer',
  'maxDigestsPerNamespace',
] as const;

export type Bound = (typeof BOUNDS)[number];

/** How often each bound was met since start. One object for all rooms; they only add to it. */
export type Reached = Record<Bound, number>;

export function nothingReached(): Reached {
  return Object.fromEntries(BOUNDS.map((bound) => [bound, 0])) as Reached;
}

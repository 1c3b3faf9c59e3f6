import { z } from 'zod';
import { LISTENERS, listenerKeys, plainListeners, tlsListeners, tlsSchema, unixListeners } from './listener-schema.ts';
import { ruleFilterFault, ruleSchema } from './rule-schema.ts';

const KIB = 1024;
const GIB = 1024 ** 3;

const history = z.string().transform((value, ctx): 'duckdb' | 'off' => {
  if (value === 'duckdb' || value === 'off') return value;
  const postgres = /^postgres(ql)?:\/\//.test(value);
  ctx.addIssue(
    postgres ? 'PostgreSQL as history is not in this version yet; use duckdb or off' : 'is none of duckdb, off',
  );
  return z.NEVER;
});

const count = (min: number, max: number) => z.int().min(min).max(max);
const bytes = (min: number, max: number) => count(min, max);

const limits = z
  .strictObject({
    // MQTT's own greatest packet is 256 MiB (2.2.3).
    maxPacketBytes: bytes(KIB, 256 * 1024 * KIB),
    maxConnectBytes: bytes(KIB, 512 * KIB),
    connectTimeoutS: count(1, 3600),
    signInTimeoutS: count(1, 3600),
    maxWaitingSignIns: count(1, 100_000),
    maxWaitingSignInsPerAddress: count(1, 100_000),
    maxConnectionsPerS: count(1, 1_000_000),
    maxPendingPerAddress: count(1, 1_000_000),
    maxSilentPerAddress: count(0, 1_000_000),
    maxWaitingConnections: count(0, 1_000_000),
    maxHandshakes: count(1, 1_000_000),
    maxConnections: count(1, 1_000_000),
    maxConnectionsPerNamespace: count(1, 1_000_000),
    maxInflight: count(1, 65_535),
    receiveMaximum: count(1, 65_535),
    topicAliasMaximum: count(0, 65_535),
    maxOutgoingAliases: count(0, 65_535),
    maxKeepAliveS: count(1, 65_535),
    maxQueuedMessages: count(1, 1_000_000_000),
    maxQueuedBytes: bytes(KIB, 1024 * GIB),
    maxQueuedMessagesInAll: count(1, 1_000_000_000),
    maxQueuedBytesInAll: bytes(KIB, 1024 * GIB),
    maxLogBytes: bytes(64 * 1024 * KIB, 100 * 1024 * GIB),
    maxUnsyncedBytes: bytes(64 * KIB, 64 * GIB),
    maxWaitingAcks: count(16, 10_000_000),
    maxRecorderQueueMessages: count(1, 1_000_000_000),
    maxRecorderQueueBytes: bytes(KIB, 1024 * GIB),
    diskReservePercent: count(0, 90),
    diskReserveBytes: bytes(0, 1024 * GIB),
    maxOutputBytes: bytes(64 * KIB, 4 * GIB),
    stalledAfterMs: count(100, 3_600_000),
    maxSessions: count(1, 10_000_000),
    // 0xFFFFFFFF means "never" in MQTT 5.0 (3.1.2.11.2), so the bound stays below it.
    maxSessionExpiryS: count(0, 0xffff_fffe),
    maxSubscriptionsPerSession: count(1, 1_000_000),
    maxSubscriptionBytesPerSession: bytes(KIB, 64 * GIB),
    maxFiltersPerPacket: count(1, 1_000_000),
    maxSharedGroups: count(0, 1_000_000),
    maxTopicBytes: bytes(16, 65_535),
    maxTopicLevels: count(1, 65_535),
    maxRetainedMessages: count(0, 100_000_000),
    maxRetainedBytes: bytes(0, 1024 * GIB),
    maxSeries: count(1, 10_000_000),
    maxJsonDepth: count(1, 512),
    maxJsonPaths: count(1, 1_000_000),
    maxJsonTextChars: count(16, 256 * 1024 * KIB),
    maxHttpConnections: count(1, 1_000_000),
    maxHttpRequests: count(1, 100_000),
    httpBodyBytes: bytes(KIB, 256 * 1024 * KIB),
    httpHeaderBytes: bytes(KIB, 1024 * KIB),
    httpRequestTimeoutS: count(1, 3600),
    httpQueries: count(1, 1000),
    httpDownloads: count(1, 1000),
    maxLiveTopics: count(1, 10_000_000),
    maxViewers: count(0, 1_000_000),
    maxDigestsPerViewer: count(1, 10_000),
    maxDigestsPerNamespace: count(1, 100_000),
    maxPublishPerS: count(0, 10_000_000),
    maxPublishBytesPerS: bytes(0, 100 * GIB),
    maxNamespacePublishPerS: count(0, 10_000_000),
    maxNamespacePublishBytesPerS: bytes(0, 100 * GIB),
    topicCacheEntries: count(1000, 4_000_000),
    // 0: six tenths of what the machine or its control group has.
    memoryWatermarkBytes: bytes(0, 1024 * GIB),
    qos0BufferBytes: bytes(64 * KIB, 16 * GIB),
    historyMemoryBytes: bytes(64 * 1024 * KIB, 1024 * GIB),
    historyQueries: count(1, 64),
    historyQueryTimeoutS: count(1, 3600),
  })
  .partial();

/** As a topic rule is written, with %c and %u, and without wildcards: clients build topic names from it. */
const responseInformation = z
  .string()
  .min(1, 'is empty')
  .max(1000)
  .check((ctx) => {
    const fault =
      ruleFilterFault(ctx.value) ?? (/[+#]/.test(ctx.value) ? 'holds a wildcard, which no topic name may' : null);
    if (fault !== null) ctx.issues.push({ code: 'custom', message: fault, input: ctx.value });
  });

const mqtt5 = z
  .strictObject({
    responseInformation,
    serverReference: z.string().regex(/^[\x21-\x7e]{1,255}$/, 'is not a HOST:PORT of at most 255 plain characters'),
    serverReferenceWhen: z.enum(['shutdown', 'now', 'moved']),
    payloadFormat: z.enum(['pass', 'check']),
  })
  .partial();

/**
 * What one layer (file, environment, flags) may say; everything may be left out. Strict: a misspelled key is an error.
 * `data` is a path relative to whatever the layer is relative to.
 */
export const layerSchema = z
  .strictObject({
    data: z.string().min(1, 'is empty'),
    mqtt: plainListeners,
    http: plainListeners,
    mqtts: tlsListeners,
    https: tlsListeners,
    unix: unixListeners,
    tls: tlsSchema,
    anonymous: z.enum(['none', 'local', 'all']),
    durability: z.enum(['sync', 'async']),
    history,
    sharedSubscriptions: z.enum(['fair', 'sticky']),
    queuePolicy: z.enum(['refuse-new', 'drop-oldest']),
    // An empty list looks like "nobody may", and would mean "everybody may everything".
    rules: z.array(ruleSchema).min(1, 'is empty, which would restrict nobody; write a rule or leave rules out'),
    limits,
    mqtt5,
    sysIntervalSeconds: count(0, 24 * 3600),
    log: z
      .strictObject({ level: z.enum(['debug', 'info', 'warn', 'error']), format: z.enum(['pretty', 'json']) })
      .partial(),
  })
  .partial();

export type Layer = z.output<typeof layerSchema>;

/** The keys that may stand at a path of the schema (`[]`: the top). */
export function knownKeys(path: readonly PropertyKey[]): readonly string[] {
  if (path.length === 0) return Object.keys(layerSchema.shape);
  if (path[0] === 'limits') return Object.keys(limits.shape);
  if (path[0] === 'mqtt5') return Object.keys(mqtt5.shape);
  if (path[0] === 'log') return ['level', 'format'];
  if (path[0] === 'tls' || path[2] === 'tls') return Object.keys(tlsSchema.shape);
  if (LISTENERS.has(String(path[0]))) return listenerKeys(String(path[0]));
  if (path[0] === 'rules')
    return ['token', 'certificate', 'anonymous', 'everyone', 'publish', 'subscribe', 'denySubscribe'];
  return [];
}

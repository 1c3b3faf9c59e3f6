import { Readable } from 'node:stream';
import {
  type Access,
  type Credentials,
  type Principal,
  READ_ONLY_TOPICS,
  type TopicRules,
} from '../../access/index.ts';
import { Histogram, manualClock, nothingReached, silentLogger, TurnMeter } from '../../base/index.ts';
import type { BrokerStats, ClientInfo, PublishRequest } from '../../broker/index.ts';
import {
  type ByteSource,
  type ExportQuery,
  type History,
  HistoryError,
  type JsonAnswer,
  type PointsQuery,
  type SeriesRow,
} from '../../history/index.ts';
import { filterMatches } from '../../topics/index.ts';
import { type Api, type ApiOptions, createApi } from '../api.ts';
import type { InUse } from '../metrics-limits.ts';
import type { ApiBroker, Health, IsLocal, PublishResult, TopicInfo } from '../ports.ts';

/** 2026-11-21T07:03:00.123456Z */
export const START_US = 1_795_244_580_123_456;

export const SERIES: readonly SeriesRow[] = [
  {
    id: 1,
    topic: '/sensors/temperature',
    field: 'value',
    unit: null,
    count: 3,
    firstUs: START_US,
    lastUs: START_US + 2_000_001,
    lastValue: 22.25,
  },
  { id: 2, topic: 'secret/door', field: 'value', unit: null, count: 1, firstUs: null, lastUs: null, lastValue: 'open' },
];

export const POINTS = [
  ['2026-11-21T07:03:00.123456Z', 22.25],
  ['2026-11-21T07:03:00.123457Z', null],
  ['2026-11-21T07:03:00.123458Z', '9007199254740993'],
  ['2026-11-21T07:03:00.123459Z', { base64: '/w==' }],
] as const;

const STATS: BrokerStats = {
  connections: 2,
  connectionsByTransport: { tcp: 1, websocket: 1 },
  connected: 2,
  maxConnected: 3,
  sessions: 3,
  subscriptions: 4,
  sharedSubscriptions: 1,
  retained: 5,
  retainedBytes: 50,
  queued: 14,
  queuedBytes: 140,
  connectionsTotal: 6,
  connectionsRefused: 7,
  connects: 6,
  packetsIn: 20,
  packetsOut: 21,
  messagesIn: 8,
  messagesOut: 9,
  payloadBytesIn: 80,
  payloadBytesOut: 90,
  bytesIn: 10,
  bytesOut: 11,
  dropped: 12,
  messagesExpired: 13,
  protocolErrors: 13,
  sessionsExpired: 15,
  queueRefused: 17,
  queueDelivered: 18,
  queueUndeliverable: 19,
  queueExpired: 20,
  queueEnded: 21,
  queuePushedOut: 22,
  sharedGroups: 1,
  cachedTopics: 16,
  receiversBehind: 0,
  publishersSlowed: 0,
  publishersWaiting: 0,
  recorderFull: false,
};

const NOTHING_IN_USE: InUse = {
  waitingConnections: () => 0,
  pendingConnections: () => 0,
  silentConnections: () => 0,
  waitingSignIns: () => 0,
  memoryShed: () => 0,
  memoryWatermark: () => 0,
  liveTopics: () => 0,
  viewers: () => 0,
  unsyncedBytes: () => 0,
  recorderQueueBytes: () => 0,
  diskFreeBytes: () => 1e9,
  diskReserveBytes: () => 1e8,
  storeBytes: () => ({ log: 1, table: 2 }),
};

const histogram = (): Histogram => new Histogram([0.001, 0.5, 2.5]);

/** What a stream gives, as history gives it. */
export function sourceOf(stream: Readable): ByteSource {
  const chunks = stream[Symbol.asyncIterator]() as AsyncIterator<Buffer>;
  let close = (): void => {};
  const closed = new Promise<null>((resolve) => {
    close = () => {
      stream.destroy();
      resolve(null);
    };
  });
  return {
    next: () => Promise.race([chunks.next().then(({ done, value }) => (done === true ? null : value)), closed]),
    close,
  };
}

/** An answer of history, small enough to be whole. */
export function jsonAnswer(points: readonly unknown[], truncated = false): JsonAnswer {
  return { truncated, body: Buffer.from(JSON.stringify({ points })) };
}

/** Records what it is asked; each member may be replaced by a test. */
export type FakeHistory = History & {
  readonly asked: unknown[];
  fail: Error | null;
  exportStream: () => Readable;
};

export function fakeHistory(): FakeHistory {
  const asked: unknown[] = [];
  const fake = {
    asked,
    fail: null as Error | null,
    exportStream: () => Readable.from([Buffer.from('time,value\n'), Buffer.from('x,1\n')]),
    start: async () => {},
    stop: async () => {},
    intake: { offer: () => true, crowded: () => false, nearlyFull: () => false, onRoom: () => {} },
    drain: () => {},
    status: () => ({
      state: 'ok' as const,
      detail: '',
      recordedMessages: 7,
      recordedPoints: 9,
      droppedMessages: 0,
      bufferedBytes: 12,
      behindS: 0.25,
      inFlightMs: 0,
      queuedMessages: 13,
      lastCommitUs: START_US,
      series: 2,
      restarts: 1,
      damage: [],
      pid: 1,
    }),
    series: async (world: number, filter: string, limit: number) => {
      asked.push({ series: { world, filter, limit } });
      if (fake.fail !== null) throw fake.fail;
      return SERIES.filter((row) => filterMatches(filter, row.topic)).slice(0, limit);
    },
    points: async (query: PointsQuery, limit: number): Promise<JsonAnswer> => {
      asked.push({ points: { ...query, limit } });
      if (fake.fail !== null) throw fake.fail;
      checkKnown(query);
      return jsonAnswer(POINTS.slice(0, limit), POINTS.length > limit);
    },
    buckets: async (query: PointsQuery, buckets: number): Promise<JsonAnswer> => {
      asked.push({ buckets: { ...query, buckets } });
      if (fake.fail !== null) throw fake.fail;
      checkKnown(query);
      return jsonAnswer([['2026-11-21T07:03:00.123456Z', 1, 2, 3]]);
    },
    backup: async () => {},
    export: async (query: ExportQuery) => {
      asked.push({ export: query });
      if (fake.fail !== null) throw fake.fail;
      return sourceOf(fake.exportStream());
    },
  };
  return fake;
}

function checkKnown(query: PointsQuery): void {
  if (query.field === 'value') return;
  throw new HistoryError('unknown-series', `There is no series ${query.field} of ${query.topic}.`);
}

export const CLIENT: ClientInfo = {
  clientId: 'esp_a6a8d500',
  connected: false,
  version: 4,
  address: '192.168.1.20',
  transport: 'tcp',
  principal: 'lab',
  principalKind: 'token',
  connectedAtUs: START_US,
  disconnectedAtUs: START_US + 5,
  keepAliveS: 60,
  expiryS: null,
  subscriptions: [{ filter: 'home/lamp/set', qos: 1 }],
  inFlight: 0,
  queued: 1,
  messagesIn: 2,
  messagesOut: 3,
  bytesIn: 4,
  bytesOut: 5,
  dropped: 6,
  takeovers: 0,
  sharedBy: [],
  expired: 7,
};

export type FakeBroker = ApiBroker & {
  readonly published: { world: string; request: PublishRequest; principal: string }[];
  answer: PublishResult;
  now: Health;
  all: TopicInfo[];
};

export function fakeBroker(): FakeBroker {
  const published: FakeBroker['published'] = [];
  const fake: FakeBroker = {
    published,
    answer: { ok: true },
    now: { status: 'ok' },
    all: [
      topic('/sensors/temperature', Buffer.from('22.25')),
      topic('secret/door', Buffer.from([0xff, 0x00])),
      { ...topic('long', Buffer.from('température').subarray(0, 5)), payloadBytes: 12 },
    ],
    publish: async (world, request, principal) => {
      published.push({ world, request, principal: principal.name });
      return fake.answer;
    },
    clients: () => [CLIENT],
    topics: (_world, filter, limit) => fake.all.filter((info) => filterMatches(filter, info.topic)).slice(0, limit),
    stats: () => STATS,
    worldNumber: (namespace) => (namespace === 'default' ? 1 : namespace === 'lab' ? 2 : null),
    health: () => fake.now,
  };
  return fake;
}

export function topic(name: string, payload: Uint8Array): TopicInfo {
  return {
    topic: name,
    payload,
    payloadBytes: payload.length,
    qos: 1,
    retained: true,
    messages: 3,
    lastAtUs: START_US,
  };
}

const everything: TopicRules = { all: true, mayPublish: () => true, maySubscribe: () => 'yes', mayReceive: () => true };

/** `key:right` is of `lab` and `owner:right` of `default`, and both may do all; `narrow:right` has rules; from this machine nobody needs a name. */
export type FakeAccess = Access & { readonly asked: Credentials[]; revoke: (name: string) => void; broken: boolean };

export function fakeAccess(): FakeAccess {
  const asked: Credentials[] = [];
  const listeners: ((key: string, isOver: boolean) => void)[] = [];
  const access: FakeAccess = {
    asked,
    broken: false,
    revoke: (name) => {
      for (const listener of listeners) listener(name, true);
    },
    onRevoked: (listener) => void listeners.push(listener),
    authenticate: (credentials) => {
      asked.push(credentials);
      if (access.broken) return { ok: false, reason: 'unavailable', detail: 'the token file cannot be read' };
      const principal = whoIs(credentials);
      if (principal !== null) return { ok: true, principal };
      const reason = credentials.username === 'barred' ? 'not-authorized' : 'bad-credentials';
      return { ok: false, reason, detail: 'only for the log' };
    },
  };
  return access;
}

function whoIs({ username, password, remote }: Credentials): Principal | null {
  if (username === null) {
    return remote.local ? { name: 'anonymous', kind: 'anonymous', world: 'default', rules: everything } : null;
  }
  if (Buffer.from(password ?? []).toString() !== 'right') return null;
  if (username === 'key') return { name: 'key', kind: 'token', world: 'lab', rules: everything };
  if (username === 'reader') return { name: 'reader', kind: 'token', world: 'default', rules: READ_ONLY_TOPICS };
  if (username === 'owner') return { name: 'owner', kind: 'token', world: 'default', rules: everything };
  if (username === 'lost') return { name: 'lost', kind: 'token', world: 'gone', rules: everything };
  if (username !== 'narrow') return null;
  const mayReceive = (name: string) => !name.startsWith('secret/');
  return {
    name: 'narrow',
    kind: 'token',
    world: 'default',
    rules: { all: false, mayPublish: mayReceive, maySubscribe: () => 'partly', mayReceive },
  };
}

/** Local as a test sees it: the peer alone. */
export const loopbackIsLocal: IsLocal = ({ peerAddress }) => peerAddress === '127.0.0.1';

export function basic(key: string, secret: string): { authorization: string } {
  return { authorization: `Basic ${Buffer.from(`${key}:${secret}`).toString('base64')}` };
}

export type Fixture = {
  readonly api: Api;
  readonly broker: FakeBroker;
  readonly history: FakeHistory;
  readonly access: FakeAccess;
};

/** An API on fakes. `webRoot` is absent unless given. */
export async function createFixture(options: Partial<ApiOptions> = {}): Promise<Fixture> {
  const broker = fakeBroker();
  const history = fakeHistory();
  const access = fakeAccess();
  const api = await createApi({
    broker,
    history,
    access,
    isLocal: loopbackIsLocal,
    logger: silentLogger,
    clock: manualClock(START_US),
    webRoot: '/nowhere/web',
    version: '1.2.3',
    timings: {
      acknowledged: histogram(),
      committed: histogram(),
      queued: histogram(),
      loopDelay: histogram(),
      turns: new TurnMeter({ clock: manualClock() }),
    },
    reached: nothingReached(),
    inUse: NOTHING_IN_USE,
    ...options,
  });
  return { api, broker, history, access };
}

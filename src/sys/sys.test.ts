import { beforeEach, describe, expect, it } from 'vitest';
import { ALL_TOPICS, compileRules, type Principal, type TopicRules } from '../access/index.ts';
import { type ManualClock, manualClock } from '../base/index.ts';
import type { BrokerStats, Traffic, Viewer } from '../broker/index.ts';
import { createSys, type Sys } from './index.ts';

const TRAFFIC = {
  connectionsTotal: 0,
  connects: 0,
  packetsIn: 0,
  packetsOut: 0,
  messagesIn: 0,
  messagesOut: 0,
  payloadBytesIn: 0,
  payloadBytesOut: 0,
  bytesIn: 0,
  bytesOut: 0,
  dropped: 0,
  messagesExpired: 0,
  sessionsExpired: 0,
  queueRefused: 17,
  queueDelivered: 18,
  queueUndeliverable: 19,
  queueExpired: 20,
  queueEnded: 21,
  queuePushedOut: 22,
};
const STATS: BrokerStats = {
  ...TRAFFIC,
  sessions: 5,
  connected: 3,
  maxConnected: 4,
  subscriptions: 7,
  sharedSubscriptions: 1,
  retained: 6,
  retainedBytes: 60,
  queued: 2,
  queuedBytes: 20,
  connections: 3,
  connectionsByTransport: {},
  connectionsRefused: 0,
  protocolErrors: 0,
  sharedGroups: 0,
  cachedTopics: 0,
  receiversBehind: 0,
  publishersSlowed: 0,
  publishersWaiting: 0,
  recorderFull: false,
};

let clock: ManualClock;
let traffic: Traffic;
let looks: number;
let heap: number;
let round: () => void;
let sys: Sys;

beforeEach(() => {
  clock = manualClock();
  traffic = TRAFFIC;
  looks = 0;
  heap = 1000;
  round = () => {};
  const world = { ...STATS, sessions: 2, connected: 1 };
  sys = createSys({
    clock,
    version: '1.2.3',
    intervalSeconds: 10,
    source: {
      worldNumbers: () => [0, 1],
      traffic: (scope) => (scope === 1 ? TRAFFIC : traffic),
      stats: () => {
        looks += 1;
        return { ...STATS, ...traffic };
      },
      worldStats: () => ({ ...world, ...traffic }),
    },
    heapBytes: () => heap,
    repeat: (work, everyMs) => {
      round = () => {
        clock.advance(everyMs);
        work();
      };
      return () => {
        round = () => {
          throw new Error('the timer is stopped');
        };
      };
    },
  });
});

type Seen = { readonly topic: string; readonly value: string; readonly retained: boolean };
type TestViewer = Viewer & { seen: Seen[]; accepts: number };

function viewer(
  more: { kind?: Principal['kind']; world?: string; rules?: TopicRules; local?: boolean } = {},
): TestViewer {
  const { kind = 'anonymous', world = 'default', rules = ALL_TOPICS, local = true } = more;
  const made: TestViewer = {
    world: world === 'default' ? 0 : 1,
    principal: { name: 'somebody', kind, world, rules },
    local,
    seen: [],
    accepts: Number.POSITIVE_INFINITY,
    send: (topic, payload, retained = false) => {
      if (made.accepts <= 0) return false;
      made.accepts -= 1;
      made.seen.push({ topic, value: Buffer.from(payload).toString(), retained });
      return true;
    },
  };
  return made;
}

/** What a viewer was sent since the last time, after the SUBACK too. */
async function told(by: TestViewer): Promise<Map<string, string>> {
  await Promise.resolve();
  return new Map(by.seen.splice(0).map(({ topic, value }) => [topic.slice('$SYS/broker/'.length), value]));
}

describe('a subscriber of $SYS/#', () => {
  it('gets every value at once, as retained, after its SUBACK; then what has changed, once an interval', async () => {
    const owner = viewer();
    expect(sys.computed.subscribe(owner, '$SYS/#')).toBe('granted');
    expect(owner.seen).toEqual([]);
    await Promise.resolve();
    expect(owner.seen.every(({ retained }) => retained)).toBe(true);
    const first = await told(owner);
    expect(first.size).toBe(53);
    expect(Object.fromEntries(first)).toMatchObject({
      version: 'sonde version 1.2.3',
      uptime: '0 seconds',
      'clients/total': '5',
      'clients/connected': '3',
      'clients/active': '3',
      'clients/disconnected': '2',
      'clients/inactive': '2',
      'clients/maximum': '4',
      'messages/stored': '8',
      'store/messages/count': '8',
      'store/messages/bytes': '80',
      'retained messages/count': '6',
      'heap/current': '1000',
      'heap/maximum': '1000',
      'load/sockets/1min': '0.00',
    });

    traffic = { ...traffic, bytesIn: 100 };
    heap = 900;
    round();
    expect(owner.seen.some(({ retained }) => retained)).toBe(false);
    expect(Object.fromEntries(await told(owner))).toEqual({
      uptime: '10 seconds',
      'bytes/received': '100',
      'heap/current': '900',
      // 600 a minute, for 10 seconds.
      'load/bytes/received/1min': (600 * (1 - Math.exp(-10 / 60))).toFixed(2),
      'load/bytes/received/5min': (600 * (1 - Math.exp(-10 / 300))).toFixed(2),
      'load/bytes/received/15min': (600 * (1 - Math.exp(-10 / 900))).toFixed(2),
    });
  });

  it('is told nothing more after it unsubscribes or goes', async () => {
    const one = viewer();
    const other = viewer();
    sys.computed.subscribe(one, '$SYS/#');
    sys.computed.subscribe(other, '$SYS/#');
    await told(one);
    await told(other);
    expect(sys.computed.unsubscribe(one, '$SYS/#')).toBe(true);
    expect(sys.computed.unsubscribe(one, '$SYS/#')).toBe(false);
    sys.computed.forget(other);
    round();
    expect([one.seen, other.seen]).toEqual([[], []]);
  });

  it('that leaves before its SUBACK went out is told nothing', async () => {
    const hasty = viewer();
    sys.computed.subscribe(hasty, '$SYS/#');
    sys.computed.forget(hasty);
    expect((await told(hasty)).size).toBe(0);
  });

  it('does not ask for what stands, if it says so', async () => {
    const resumed = viewer();
    sys.computed.subscribe(resumed, '$SYS/#', false);
    expect((await told(resumed)).size).toBe(0);
    round();
    expect((await told(resumed)).get('uptime')).toBe('10 seconds');
  });
});

describe('filters', () => {
  it.each<[string, string[]]>([
    ['$SYS/broker/uptime', ['uptime']],
    [
      '$SYS/broker/clients/+',
      ['total', 'maximum', 'connected', 'active', 'disconnected', 'inactive', 'expired'].map((n) => `clients/${n}`),
    ],
    [
      '$SYS/broker/load/+/received/1min',
      ['load/messages/received/1min', 'load/publish/received/1min', 'load/bytes/received/1min'],
    ],
    ['$SYS/brokers/#', []],
  ])('%s', async (filter, topics) => {
    const owner = viewer();
    expect(sys.computed.subscribe(owner, filter)).toBe('granted');
    expect([...(await told(owner)).keys()]).toEqual(topics);
  });

  it('that overlap are one message a round', async () => {
    const owner = viewer();
    for (const filter of ['$SYS/#', '$SYS/broker/uptime']) sys.computed.subscribe(owner, filter);
    await told(owner);
    round();
    expect(owner.seen.map(({ topic }) => topic)).toEqual(['$SYS/broker/uptime']);
  });

  it('are at most 64 a connection', () => {
    const greedy = viewer();
    const answers = Array.from({ length: 70 }, (_, n) => sys.computed.subscribe(greedy, `$SYS/${n}`));
    expect(answers.filter((answer) => answer === 'granted')).toHaveLength(64);
    expect(answers.slice(64)).toEqual(Array.from({ length: 6 }, () => 'full'));
    expect(sys.computed.subscribe(greedy, '$SYS/3')).toBe('granted');
  });
});

describe('who sees what', () => {
  it.each([
    ['anonymous on this machine', viewer(), 'server'],
    ['anonymous from elsewhere', viewer({ local: false }), 'world'],
    ['a token of default', viewer({ kind: 'token', local: false }), 'server'],
    ['a token of another namespace', viewer({ kind: 'token', world: 'lab' }), 'world'],
  ] as const)('%s: %s', async (_, somebody, sees) => {
    sys.computed.subscribe(somebody, '$SYS/#');
    const seen = await told(somebody);
    const own = sees === 'server';
    expect([seen.get('clients/total'), seen.has('heap/current'), seen.has('load/sockets/1min')]).toEqual([
      own ? '5' : '2',
      own,
      own,
    ]);
    expect(seen.size).toBe(own ? 53 : 48);
  });

  const named = (subscribe: string[]) =>
    compileRules([{ subject: { kind: 'everyone' }, publish: [], subscribe }], {
      kind: 'token',
      user: 'key',
      clientId: 'a',
      readOnly: false,
    });

  it('a rule for ordinary topics is none for these', () => {
    expect(sys.computed.subscribe(viewer({ kind: 'token', rules: named(['#', '+/broker/#']) }), '$SYS/#')).toBe(
      'refused',
    );
  });

  it('a rule that names some shows these, of the world', async () => {
    const somebody = viewer({ kind: 'token', rules: named(['$SYS/broker/clients/#']) });
    expect(sys.computed.subscribe(somebody, '$SYS/#')).toBe('granted');
    const seen = await told(somebody);
    expect([seen.size, seen.get('clients/total')]).toEqual([7, '2']);
  });
});

describe('a slow viewer', () => {
  it('is told all anew when it has room again, and delays nobody', async () => {
    const slow = viewer();
    const quick = viewer();
    for (const one of [slow, quick]) sys.computed.subscribe(one, '$SYS/#');
    await told(quick);
    await told(slow);
    slow.accepts = 1;
    traffic = { ...traffic, messagesIn: 5 };
    round();
    expect((await told(slow)).size).toBe(1);
    expect((await told(quick)).get('publish/messages/received')).toBe('5');
    round();
    expect((await told(slow)).size).toBe(0);
    slow.accepts = Number.POSITIVE_INFINITY;
    round();
    expect((await told(slow)).size).toBe(53);
    expect((await told(quick)).size).toBeLessThan(53);
  });
});

describe('cost', () => {
  it('the figures are made for readers only, and once a second at most for those who come and go', async () => {
    for (let i = 0; i < 5; i++) round();
    expect(looks).toBe(0);
    for (let i = 0; i < 100; i++) {
      const passing = viewer();
      sys.computed.subscribe(passing, '$SYS/#');
      sys.computed.forget(passing);
    }
    expect(looks).toBe(1);
    clock.advance(1000);
    sys.computed.subscribe(viewer(), '$SYS/#');
    expect(looks).toBe(2);
    sys.computed.subscribe(viewer(), '$SYS/#');
    round();
    expect(looks).toBe(3);
  });

  it('the load averages go on while nobody reads', async () => {
    for (let i = 0; i < 6; i++) {
      traffic = { ...traffic, messagesIn: traffic.messagesIn + 10 };
      round();
    }
    const owner = viewer();
    sys.computed.subscribe(owner, '$SYS/broker/load/publish/received/+');
    // 60 a minute for one minute.
    const expected = [60, 300, 900].map((span) => (60 * (1 - Math.exp(-60 / span))).toFixed(2));
    expect([...(await told(owner)).values()]).toEqual(expected);
  });

  it('ends with stop', () => {
    const owner = viewer();
    sys.computed.subscribe(owner, '$SYS/#');
    sys.stop();
    expect(round).toThrow(/stopped/);
    expect(sys.computed.unsubscribe(owner, '$SYS/#')).toBe(false);
  });
});

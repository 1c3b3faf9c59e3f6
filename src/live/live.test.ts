import { describe, expect, it } from 'vitest';
import { makeRig, type Rig, type Row, rulesFor, someStatus, type TestViewer } from './testing/rig.ts';

const json = (frame: { readonly bytes: Uint8Array } | undefined): Row =>
  JSON.parse(Buffer.from(frame?.bytes ?? []).toString()) as Row;
const rowsOf = (viewer: TestViewer, digest: string): Row[] => [...(viewer.merged.get(digest)?.values() ?? [])];
const namesOf = (viewer: TestViewer, digest: string): unknown[] => rowsOf(viewer, digest).map((row) => row['name']);
const watching = (rig: Rig, digest: string, viewer = rig.viewer()): TestViewer => {
  expect(rig.live.computed.subscribe(viewer, digest)).toBe(true);
  rig.advance(100);
  return viewer;
};
const only = (rig: Rig, topic: string): Row =>
  rowsOf(
    watching(rig, `$sonde/values/${encodeURIComponent(topic)}`),
    `$sonde/values/${encodeURIComponent(topic)}`,
  )[0] as Row;

describe('a digest', () => {
  it('of the tree begins with all children and goes on with the changed ones', () => {
    const rig = makeRig();
    rig.publish('a/x', '1');
    rig.publish('b', '22.25', { qos: 1, retain: true });
    const viewer = watching(rig, '$sonde/tree');
    const atUs = 1_700_000_000_000_000;
    expect(json(viewer.frames[0])).toEqual({
      full: true,
      more: 0,
      children: [
        {
          name: 'a',
          topic: 'a',
          own: false,
          children: 1,
          topics: 1,
          messages: 1,
          payload: null,
          bytes: 0,
          binary: false,
          retained: false,
          at: null,
        },
        {
          name: 'b',
          topic: 'b',
          own: true,
          children: 0,
          topics: 1,
          messages: 1,
          payload: '22.25',
          bytes: 5,
          binary: false,
          retained: true,
          at: atUs,
        },
      ],
    });
    rig.publish('a/y', '2');
    rig.advance(100);
    expect(viewer.frames).toHaveLength(2);
    expect(json(viewer.frames[1])).toMatchObject({
      full: false,
      children: [{ name: 'a', children: 2, topics: 2, messages: 2 }],
    });
  });

  it('of values lists the topics that the filter matches', () => {
    const rig = makeRig();
    for (const topic of ['a/t', 'b/t', 'b/u', '$x/t']) rig.publish(topic, topic);
    const viewer = watching(rig, '$sonde/values/%2B%2Ft');
    expect(json(viewer.frames[0])).toEqual({
      full: true,
      more: 0,
      topics: ['a/t', 'b/t'].map((topic) => ({
        topic,
        payload: topic,
        bytes: 3,
        binary: false,
        retained: false,
        messages: 1,
        at: 1_700_000_000_000_000,
      })),
    });
  });

  it('of the status comes each second with the rate of messages', () => {
    const rig = makeRig();
    const viewer = rig.viewer();
    rig.live.computed.subscribe(viewer, '$sonde/status');
    for (let i = 0; i < 40; i++) rig.publish('a', '1');
    rig.advance(100);
    expect(json(viewer.frames[0])).toEqual({ ...someStatus, messagesPerSecond: 400, topics: 1, more: 0 });
    for (let i = 0; i < 25; i++) rig.publish('a', '1');
    rig.advance(1000);
    expect(viewer.frames).toHaveLength(2);
    expect(json(viewer.frames[1])['messagesPerSecond']).toBe(25);
    rig.advance(3000);
    expect(viewer.frames).toHaveLength(5);
  });

  it('of the status survives a status that cannot be told', () => {
    const rig = makeRig({
      status: () => {
        throw new Error('not now');
      },
    });
    const status = watching(rig, '$sonde/status');
    const tree = watching(rig, '$sonde/tree');
    expect([status.frames.length, tree.frames.length]).toEqual([0, 1]);
  });

  it.each([
    '$sonde/',
    '$sonde/#',
    '$sonde/+',
    '$sonde/trees',
    '$sonde/tree/#',
    '$sonde/tree/+',
    '$sonde/tree/a/b',
    '$sonde/tree/%',
    '$sonde/tree/%ff',
    '$sonde/tree/a%2F%23',
    '$sonde/tree/%00',
    '$sonde/values',
    '$sonde/values/',
    '$sonde/values/#',
    '$sonde/values/a%23',
    '$sonde/status/',
    '$sonde/status/x',
    '$SYS/x',
  ])('that does not exist is refused: %s', (digest) => {
    const rig = makeRig();
    expect(rig.live.computed.subscribe(rig.viewer(), digest)).toBe(false);
    expect(rig.timers()).toBe(0);
  });

  it('is sent whole again on a second subscription, and only once a change', () => {
    const rig = makeRig();
    rig.publish('a', '1');
    const viewer = watching(rig, '$sonde/tree');
    rig.live.computed.subscribe(viewer, '$sonde/tree');
    rig.advance(100);
    expect(viewer.frames.map((frame) => json(frame)['full'])).toEqual([true, true]);
    rig.publish('a', '2');
    rig.advance(1000);
    expect(viewer.frames).toHaveLength(3);
  });

  it('is of its own world only', () => {
    const rig = makeRig();
    rig.publish('a', 'one');
    rig.publish('a', 'two', { world: 1 });
    const other = watching(rig, '$sonde/tree', rig.viewer(undefined, 1));
    expect(rowsOf(other, '$sonde/tree')).toMatchObject([{ payload: 'two', messages: 1 }]);
  });
});

describe('a viewer', () => {
  it('costs no timer before and after it watches', () => {
    const rig = makeRig();
    rig.publish('a', '1');
    expect(rig.timers()).toBe(0);
    const viewer = watching(rig, '$sonde/tree');
    expect(rig.timers()).toBe(1);
    expect(rig.live.computed.unsubscribe(viewer, '$sonde/tree')).toBe(true);
    expect(rig.live.computed.unsubscribe(viewer, '$sonde/tree')).toBe(false);
    expect(rig.timers()).toBe(0);
    watching(rig, '$sonde/tree', viewer);
    rig.live.stop();
    expect(rig.timers()).toBe(0);
  });

  it('that goes away while it is sent a frame ends the timer, one that comes then gets its own', () => {
    const rig = makeRig();
    const viewer = rig.viewer();
    const leaving = {
      ...viewer,
      send: () => {
        rig.live.computed.forget(leaving);
        return true;
      },
    };
    rig.live.computed.subscribe(leaving, '$sonde/tree');
    rig.advance(1000);
    expect(rig.timers()).toBe(0);
    const restless = {
      ...viewer,
      send: (topic: string, bytes: Uint8Array) => {
        if (viewer.frames.length === 0) {
          rig.live.computed.forget(restless);
          rig.live.computed.subscribe(restless, '$sonde/tree');
        }
        return viewer.send(topic, bytes);
      },
    };
    rig.live.computed.subscribe(restless, '$sonde/tree');
    rig.advance(1000);
    expect(viewer.frames.map((frame) => json(frame)['full'])).toEqual([true, true]);
    expect(rig.timers()).toBe(1);
  });

  it('gets at most 10 frames in any second, and none of its digests is left out', () => {
    const rig = makeRig();
    for (let i = 0; i < 30; i++) rig.publish(`n${i}/t`, '0');
    const viewer = rig.viewer();
    const digests = Array.from({ length: 30 }, (_, i) => `$sonde/tree/n${i}`);
    for (const digest of digests) rig.live.computed.subscribe(viewer, digest);
    for (let round = 1; round <= 80; round++) {
      for (let i = 0; i < 30; i++) rig.publish(`n${i}/t`, `${round}`);
      rig.advance(100);
    }
    const atMs = viewer.frames.map((frame) => frame.atMs);
    for (let n = 10; n < atMs.length; n++)
      expect((atMs[n] as number) - (atMs[n - 10] as number)).toBeGreaterThanOrEqual(1000);
    expect(atMs.length).toBeGreaterThan(60);
    for (const digest of digests)
      expect(viewer.frames.filter((frame) => frame.topic === digest).length).toBeGreaterThan(1);
  });

  it('that is slow misses frames, delays nobody, and has the newest state later', () => {
    const rig = makeRig();
    rig.publish('a', '0');
    const fast = watching(rig, '$sonde/tree');
    const slow = watching(rig, '$sonde/tree');
    slow.accepts = false;
    for (let i = 1; i <= 50; i++) {
      rig.publish('a', `${i}`);
      rig.publish(`b${i}`, '');
      rig.advance(100);
    }
    expect(fast.frames.length).toBeGreaterThan(45);
    expect(slow.frames).toHaveLength(1);
    expect(slow.refused).toBeLessThan(10);
    slow.accepts = true;
    rig.advance(2000);
    expect(slow.frames).toHaveLength(2);
    expect(slow.merged).toEqual(fast.merged);
    // They are one cohort again: the same frame, made once.
    rig.publish('a', 'x');
    rig.advance(100);
    expect(slow.frames.at(-1)?.bytes).toBe(fast.frames.at(-1)?.bytes);
  });

  it('shares its frames with all that know the same, made once', () => {
    const rig = makeRig();
    for (let i = 0; i < 20; i++) rig.publish(`a/${i}`, '1');
    const viewers = Array.from({ length: 50 }, () => rig.viewer());
    for (const viewer of viewers) rig.live.computed.subscribe(viewer, '$sonde/tree/a');
    rig.advance(100);
    rig.publish('a/3', '2');
    rig.advance(100);
    expect(new Set(viewers.map((viewer) => viewer.frames[0]?.bytes)).size).toBe(1);
    expect(new Set(viewers.map((viewer) => viewer.frames[1]?.bytes)).size).toBe(1);
  });

  it('whose connection throws does not stop the others', () => {
    const rig = makeRig();
    rig.publish('a', '1');
    const broken = {
      ...rig.viewer(),
      send: () => {
        throw new Error('gone');
      },
    };
    rig.live.computed.subscribe(broken, '$sonde/tree');
    expect(watching(rig, '$sonde/tree').frames).toHaveLength(1);
  });

  it('with rules of its own sees only what it may receive, and sums over that', () => {
    const rig = makeRig();
    for (const topic of ['a/mine/x', 'a/mine/y', 'a/other', 'hidden/z']) rig.publish(topic, '1');
    const viewer = watching(rig, '$sonde/tree', rig.viewer(rulesFor((topic) => topic.startsWith('a/mine/'))));
    expect(rowsOf(viewer, '$sonde/tree')).toMatchObject([
      { name: 'a', children: 1, topics: 2, messages: 2, own: false },
    ]);
    watching(rig, '$sonde/values/%23', viewer);
    expect(rowsOf(viewer, '$sonde/values/%23').map((row) => row['topic'])).toEqual(['a/mine/x', 'a/mine/y']);
    rig.publish('hidden/z', '2');
    rig.publish('hidden/new', '2');
    const before = viewer.frames.length;
    rig.advance(1000);
    expect(viewer.frames).toHaveLength(before);
  });

  it('with rules of its own waits for its topics to be looked at, and the others do not wait for it', () => {
    const rig = makeRig();
    for (let i = 0; i < 35_000; i++) rig.publish(`a/${i}`, '1');
    const [free, bound] = [rig.viewer(), rig.viewer(rulesFor(() => true))];
    for (const viewer of [bound, free]) rig.live.computed.subscribe(viewer, '$sonde/tree');
    rig.advance(0);
    expect([free.frames.length, bound.frames.length]).toEqual([1, 0]);
    rig.advance(1000);
    expect(bound.frames.map(json)).toEqual(free.frames.map(json));
  });

  it('that leaves in the middle of the work leaves nothing undone for the next', () => {
    const rig = makeRig({ lookMs: 1 });
    const publishAll = () => {
      for (let i = 0; i < 1000; i++) rig.publish(`a/${i}`, '1');
    };
    publishAll();
    const first = rig.viewer();
    rig.live.computed.subscribe(first, '$sonde/tree');
    rig.advance(5000);
    publishAll();
    const turns = rig.turns();
    while (rig.turns() < turns + 3) rig.advance(1);
    rig.live.computed.forget(first);
    for (let i = 500; i < 510; i++) rig.publish(`a/${i}`, '1');
    const next = rig.viewer();
    rig.live.computed.subscribe(next, '$sonde/tree');
    rig.advance(5000);
    expect(rowsOf(next, '$sonde/tree')).toMatchObject([{ topics: 1000, messages: 2010 }]);
  });

  it('whose rules fail sees nothing and stops nobody', () => {
    const rig = makeRig();
    rig.publish('a', '1');
    const rules = rulesFor(() => {
      throw new Error('no rule');
    });
    expect(rowsOf(watching(rig, '$sonde/tree', rig.viewer(rules)), '$sonde/tree')).toEqual([]);
    expect(rowsOf(watching(rig, '$sonde/tree'), '$sonde/tree')).toHaveLength(1);
  });
});

describe('the bounds', () => {
  it('of a frame are 500 entries and 256 KiB, several frames when there is more', () => {
    const rig = makeRig();
    for (let i = 0; i < 1200; i++) rig.publish(`t${i}`, '1');
    const many = rig.viewer();
    rig.live.computed.subscribe(many, '$sonde/tree');
    rig.advance(1000);
    expect(many.frames.map((frame) => [json(frame)['full'], (json(frame)['children'] as Row[]).length])).toEqual([
      [true, 500],
      [false, 500],
      [false, 200],
    ]);
    for (let i = 0; i < 20; i++) rig.publish(`${'x'.repeat(60_000)}${i}`, '1');
    const large = rig.viewer();
    rig.live.computed.subscribe(large, '$sonde/values/%23');
    rig.advance(5000);
    expect(Math.max(...large.frames.map((frame) => frame.bytes.length))).toBeLessThanOrEqual(256 * 1024);
    expect(rowsOf(large, '$sonde/values/%23')).toHaveLength(1220);
  });

  it('of the index are topics: further ones are counted, and said as more', () => {
    const rig = makeRig({ maxTopicsPerWorld: 10, tableSize: 4 });
    const viewer = watching(rig, '$sonde/tree');
    const status = watching(rig, '$sonde/status');
    for (let round = 0; round < 3; round++) for (let i = 0; i < 25; i++) rig.publish(`t${i}`, '1');
    rig.advance(1000);
    expect(rowsOf(viewer, '$sonde/tree')).toHaveLength(10);
    expect(viewer.more.get('$sonde/tree')).toBe(15);
    expect(json(status.frames.at(-1))).toMatchObject({ topics: 10, more: 15 });
    expect(rig.live.topics(0, '#', 100)).toMatchObject({ more: 0, unindexed: 15 });
    expect(rowsOf(viewer, '$sonde/tree')[0]).toMatchObject({ topic: 't0', messages: 3 });
  });

  it('of the index are the bytes of topics too', () => {
    const rig = makeRig({ maxTopicsPerWorld: 1000 });
    for (let i = 0; i < 10; i++) rig.publish(`${i}${'x'.repeat(60_000)}`, '1');
    rig.publish('short', '1');
    const { rows, unindexed } = rig.live.topics(0, '#', 100);
    expect([rows.length, unindexed]).toEqual([5, 6]);
  });

  it('of the tree are nodes: topics beyond are values only, and said as more', () => {
    const rig = makeRig({ maxTopicsPerWorld: 100 });
    for (let i = 0; i < 50; i++) rig.publish(`${i}${'/x'.repeat(40)}`, '1');
    const viewer = watching(rig, '$sonde/tree');
    const listed = rowsOf(viewer, '$sonde/tree').length;
    expect(listed).toBeGreaterThan(5);
    expect(listed + (viewer.more.get('$sonde/tree') as number)).toBe(50);
    watching(rig, '$sonde/values/%23', viewer);
    expect(rowsOf(viewer, '$sonde/values/%23')).toHaveLength(50);
  });

  it('of a viewer and a world are digests; those that are left make room', () => {
    const rig = makeRig({ limits: { digestsPerViewer: 2, digestsPerWorld: 3 } });
    const { subscribe, unsubscribe, forget } = rig.live.computed;
    const [a, b] = [rig.viewer(), rig.viewer(rulesFor(() => true))];
    expect(['x', 'y', 'x', 'z'].map((name) => subscribe(a, `$sonde/tree/${name}`))).toEqual([true, true, true, false]);
    expect(['x', 'y'].map((name) => subscribe(b, `$sonde/tree/${name}`))).toEqual([true, false]);
    expect(unsubscribe(a, '$sonde/tree/x')).toBe(true);
    expect(subscribe(b, '$sonde/values/y')).toBe(true);
    forget(b);
    expect(subscribe(a, '$sonde/tree/z')).toBe(true);
  });

  it('of a turn hold with 20,000 changed topics: the work is cut into many turns', () => {
    const rig = makeRig({ lookMs: 0.1 });
    for (let i = 0; i < 20_000; i++) rig.publish(`a/${i % 100}/${i}`, '1');
    const viewer = rig.viewer();
    rig.live.computed.subscribe(viewer, '$sonde/tree');
    rig.advance(3000);
    expect(rig.turns()).toBeGreaterThan(40);
    expect(rowsOf(viewer, '$sonde/tree')).toMatchObject([{ name: 'a', topics: 20_000 }]);
  });
});

describe('hostile input', () => {
  it('in topics are names like any other', () => {
    const rig = makeRig();
    const topics = [
      '__proto__',
      'constructor',
      'toString/hasOwnProperty',
      '🌡️/küche',
      '$foo/bar',
      ' ',
      '"\\',
      '/',
      '//',
    ];
    for (const topic of topics) rig.publish(topic, topic);
    const viewer = watching(rig, '$sonde/tree');
    expect(namesOf(viewer, '$sonde/tree')).toEqual([
      '__proto__',
      'constructor',
      'toString',
      '🌡️',
      '$foo',
      ' ',
      '"\\',
      '',
    ]);
    watching(rig, '$sonde/tree/', viewer);
    expect(rowsOf(viewer, '$sonde/tree/').map((row) => row['topic'])).toEqual(['/']);
    watching(rig, `$sonde/tree/${encodeURIComponent('🌡️')}`, viewer);
    expect(namesOf(viewer, `$sonde/tree/${encodeURIComponent('🌡️')}`)).toEqual(['küche']);
    for (const topic of topics) expect(only(rig, topic)['payload']).toBe(topic);
  });

  it('in topics of 65,535 levels costs 64 nodes, the last of which holds the rest', () => {
    const rig = makeRig();
    const deep = '/'.repeat(65_535);
    rig.publish(deep, 'x');
    const node = '/'.repeat(62);
    const viewer = watching(rig, `$sonde/tree/${encodeURIComponent(node)}`);
    expect(rowsOf(viewer, `$sonde/tree/${encodeURIComponent(node)}`)).toMatchObject([
      { name: '/'.repeat(65_535 - 63), topic: deep, own: true, children: 0, payload: 'x' },
    ]);
  });

  it('in topics that no frame could hold is counted as more', () => {
    const rig = makeRig();
    rig.publish('\u0001'.repeat(65_000), 'x');
    rig.publish('a', 'x');
    const viewer = watching(rig, '$sonde/tree');
    watching(rig, '$sonde/values/%23', viewer);
    expect(namesOf(viewer, '$sonde/tree')).toEqual(['a']);
    expect([...viewer.more.values()]).toEqual([1, 1]);
    rig.publish('\u0001'.repeat(65_000), 'y');
    rig.publish('b', 'y');
    rig.publish('a', 'y');
    rig.advance(200);
    expect(rowsOf(viewer, '$sonde/tree')).toMatchObject([
      { name: 'a', payload: 'y' },
      { name: 'b', payload: 'y' },
    ]);
    expect(rowsOf(viewer, '$sonde/values/%23')).toMatchObject([
      { topic: 'a', payload: 'y' },
      { topic: 'b', payload: 'y' },
    ]);
  });

  it.each([
    ['nothing', '', '', false],
    ['text', '22.25', '22.25', false],
    ['quotes and controls', '"\\\n\u0000\u2028', '"\\\n\u0000\u2028', false],
    ['long text', 'x'.repeat(1000), 'x'.repeat(256), false],
    ['text cut in a character of two', `${'x'.repeat(255)}é${'x'.repeat(9)}`, 'x'.repeat(255), false],
    ['text cut in a character of four', `${'x'.repeat(253)}🌡${'x'.repeat(9)}`, 'x'.repeat(253), false],
    ['text cut after a character', `${'x'.repeat(252)}🌡${'x'.repeat(9)}`, `${'x'.repeat(252)}🌡`, false],
    ['text of 256 bytes', `${'x'.repeat(252)}🌡`, `${'x'.repeat(252)}🌡`, false],
    ['bytes', Buffer.from([0xff, 0x00, 0x80]), '/wCA', true],
    ['a character cut by the sender', Buffer.from([0x61, 0xc3]), 'YcM=', true],
    ['many bytes', Buffer.alloc(300, 0x80), Buffer.alloc(256, 0x80).toString('base64'), true],
  ])('in payloads is shown as text or bytes: %s', (_name, payload, shown, binary) => {
    const rig = makeRig();
    rig.publish('t', payload);
    expect(only(rig, 't')).toMatchObject({ payload: shown, binary, bytes: Buffer.byteLength(payload) });
  });

  it('in payloads that grow and shrink never mixes them', () => {
    const rig = makeRig();
    for (const size of [3, 40, 5, 200, 100, 300, 16, 17, 64, 65, 0, 7]) {
      for (const topic of ['a', 'b', 'c']) rig.publish(topic, topic.repeat(size));
      for (const { topic, preview, payloadBytes } of rig.live.topics(0, '#', 10).rows) {
        expect([Buffer.from(preview).toString(), payloadBytes]).toEqual([topic.repeat(Math.min(size, 256)), size]);
      }
    }
  });
});

describe('the list of topics', () => {
  it('gives what a filter matches and somebody may receive, and counts the rest', () => {
    const rig = makeRig();
    for (const topic of ['a/1', 'a/2', 'a/3', 'b/1', '$x/1']) rig.publish(topic, topic, { qos: 2, retain: true });
    const { topics } = rig.live;
    expect(topics(0, '#', 2)).toMatchObject({ rows: [{ topic: 'a/1' }, { topic: 'a/2' }], more: 2 });
    expect(topics(0, '+/1', 10, (topic) => topic !== 'b/1').rows).toEqual([
      {
        topic: 'a/1',
        preview: new Uint8Array(Buffer.from('a/1')),
        payloadBytes: 3,
        qos: 2,
        retained: true,
        messages: 1,
        lastAtUs: 1_700_000_000_000_000,
      },
    ]);
    expect(topics(0, '$x/1', 10)).toMatchObject({ rows: [{ topic: '$x/1' }], more: 0 });
    expect(topics(0, 'nothing', 10)).toEqual({ rows: [], more: 0, unindexed: 0 });
    expect(topics(1, '#', 10)).toEqual({ rows: [], more: 0, unindexed: 0 });
  });
});

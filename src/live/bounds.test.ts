import { describe, expect, it } from 'vitest';
import { nothingReached } from '../base/index.ts';
import { freeRules, json, makeRig, namesOf, only, type Row, rowsOf, rulesFor, watching } from './testing/rig.ts';

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
    const reached = nothingReached();
    const rig = makeRig({ maxTopicsPerWorld: 10, tableSize: 4, reached });
    const viewer = watching(rig, '$sonde/tree');
    const status = watching(rig, '$sonde/status');
    for (let round = 0; round < 3; round++) for (let i = 0; i < 25; i++) rig.publish(`t${i}`, '1');
    rig.advance(1000);
    expect(rowsOf(viewer, '$sonde/tree')).toHaveLength(10);
    expect(viewer.more.get('$sonde/tree')).toBe(15);
    expect(json(status.frames.at(-1))).toMatchObject({ topics: 10, more: 15 });
    expect(rig.live.topics(0, '#', 100)).toMatchObject({ more: 0, unindexed: 15 });
    expect([reached.maxLiveTopics, rig.live.indexed()]).toEqual([15, 10]);
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

  it('of the server are viewers: one more is refused, and one that leaves makes room', () => {
    const reached = nothingReached();
    const rig = makeRig({ limits: { viewers: 2 }, reached });
    const { subscribe, forget } = rig.live.computed;
    const [a, b, c] = [rig.viewer(), rig.viewer(freeRules, 1), rig.viewer()];
    expect([a, b, c, a].map((viewer) => subscribe(viewer, '$sonde/tree', true))).toEqual([
      'granted',
      'granted',
      'full',
      'granted',
    ]);
    expect([reached.maxViewers, rig.live.viewers()]).toEqual([1, 2]);
    forget(b);
    expect(subscribe(c, '$sonde/tree', true)).toBe('granted');
  });

  it('of a viewer and a world are digests; those that are left make room', () => {
    const reached = nothingReached();
    const rig = makeRig({ limits: { digestsPerViewer: 2, digestsPerWorld: 3 }, reached });
    const { subscribe, unsubscribe, forget } = rig.live.computed;
    const [a, b] = [rig.viewer(), rig.viewer(rulesFor(() => true))];
    expect(['x', 'y', 'x', 'z'].map((name) => subscribe(a, `$sonde/tree/${name}`))).toEqual([
      'granted',
      'granted',
      'granted',
      'full',
    ]);
    expect(['x', 'y'].map((name) => subscribe(b, `$sonde/tree/${name}`))).toEqual(['granted', 'full']);
    expect(reached).toMatchObject({ maxDigestsPerViewer: 1, maxDigestsPerNamespace: 1 });
    expect(unsubscribe(a, '$sonde/tree/x')).toBe(true);
    expect(subscribe(b, '$sonde/values/y')).toBe('granted');
    forget(b);
    expect(subscribe(a, '$sonde/tree/z')).toBe('granted');
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

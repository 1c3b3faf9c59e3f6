import { describe, expect, it } from 'vitest';
import { json, makeRig, rowsOf, someStatus, watching } from './testing/rig.ts';

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
    expect(rig.live.computed.subscribe(rig.viewer(), digest)).toBe('refused');
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

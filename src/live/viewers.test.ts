import { describe, expect, it } from 'vitest';
import { json, makeRig, rowsOf, rulesFor, watching } from './testing/rig.ts';

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
    expect(fast.frames.length).toBeGreaterThan(40);
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

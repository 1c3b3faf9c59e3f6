import { describe, expect, it } from 'vitest';
import { manualClock, nothingReached } from '../base/index.ts';
import { createPacer, type PacingLimits, type Place } from './pacing.ts';

function rig(limits: Partial<PacingLimits> = {}) {
  const clock = manualClock();
  const reached = nothingReached();
  const due: { work: () => void; atMs: number }[] = [];
  const later = (work: () => void, ms: number) => void due.push({ work, atMs: clock.monotonicMs() + ms });
  const pacer = createPacer({ clock, reached, limits, later });
  const begun: string[] = [];
  const refused: string[] = [];
  const places = new Map<string, Place>();
  const spoken = new Set<string>();
  const closed: string[] = [];
  return {
    pacer,
    reached,
    begun,
    refused,
    places,
    /** Who has said something, or is to be. */
    spoken,
    closed,
    come: (name: string, address = name) =>
      pacer.enter({
        address,
        begin: (place) => {
          begun.push(name);
          places.set(name, place);
          place.heldBy({ isSilent: () => !spoken.has(name), destroy: () => void closed.push(name) });
        },
        refuse: () => void refused.push(name),
      }),
    /** Time passes, and what is due by then is done. */
    pass: (ms: number) => {
      for (let left = ms; left >= 0; left -= 1) {
        for (const { work } of due.splice(0).filter((one) => one.atMs <= clock.monotonicMs() || !due.push(one))) work();
        if (left > 0) clock.advance(1);
      }
    },
  };
}

const numbered = (count: number, name = ''): string[] => Array.from({ length: count }, (_, n) => `${name}${n}`);

describe('connections that come at once', () => {
  it('from one address, 10,000 of them, are all let in, at the rate, and none is refused', () => {
    const { come, pass, begun, refused, places, reached, pacer } = rig({ maxConnectionsPerS: 2000 });
    const all = numbered(10_000);
    for (const name of all) come(name, 'school');
    expect(begun).toHaveLength(200); // those of a tenth of a second
    let before = begun.length;
    const inASecond: number[] = [];
    for (let second = 0; second < 5; second++) {
      for (let ms = 0; ms < 1000; ms++) {
        pass(1);
        for (const place of places.values()) place.leave();
        places.clear();
      }
      inASecond.push(begun.length - before);
      before = begun.length;
    }
    expect(begun).toEqual(all);
    expect(refused).toEqual([]);
    for (const count of inASecond) expect(count).toBeLessThanOrEqual(2001);
    expect(reached.maxConnectionsPerS).toBe(9800);
    expect([pacer.waiting(), pacer.pending()]).toEqual([0, 0]);
  });

  it('of one address wait while as many of it have not signed in; those of others do not wait for them', () => {
    const { come, pass, begun, places, spoken, reached, pacer } = rig({ maxPendingPerAddress: 2 });
    for (const name of ['a', 'b', 'c', 'd']) come(name, 'slow');
    for (const name of ['a', 'b', 'c', 'd']) spoken.add(name);
    come('other');
    pass(50);
    expect(begun).toEqual(['a', 'b', 'other']);
    expect([pacer.waiting(), pacer.pending(), reached.maxPendingPerAddress]).toEqual([2, 3, 2]);
    places.get('b')?.leave();
    places.get('b')?.leave();
    pass(0);
    expect(begun).toEqual(['a', 'b', 'other', 'c']);
    places.get('a')?.leave();
    pass(0);
    expect(begun.at(-1)).toBe('d');
  });

  it('take turns by their addresses', () => {
    const { come, pass, begun } = rig({ maxConnectionsPerS: 10 });
    come('first');
    for (const name of numbered(50, 'many ')) come(name, 'flooder');
    come('one', 'quiet');
    pass(200);
    expect(begun).toEqual(['first', 'many 0', 'one']);
  });

  it('are refused when as many as may wait do', () => {
    const { come, refused, reached } = rig({ maxConnectionsPerS: 1, maxWaitingConnections: 2 });
    for (const name of numbered(5)) come(name, 'x');
    expect(refused).toEqual(['3', '4']);
    expect(reached.maxWaitingConnections).toBe(2);
  });

  it('and are gone before their turn leave nothing behind', () => {
    const { come, pass, begun, pacer } = rig({ maxConnectionsPerS: 1 });
    come('a');
    const gone = [come('b'), come('c'), come('d', 'b')];
    for (const leave of gone) leave();
    for (const leave of gone) leave();
    expect(pacer.waiting()).toBe(0);
    pass(5000);
    expect(begun).toEqual(['a']);
    come('e');
    expect(begun).toEqual(['a', 'e']);
  });

  it('and wait at the end of the server are refused, like those who come later', () => {
    const { come, refused, pacer } = rig({ maxConnectionsPerS: 1 });
    for (const name of ['a', 'b', 'c']) come(name);
    pacer.close();
    come('d');
    expect(refused).toEqual(['b', 'c', 'd']);
  });
});

describe('connections that say nothing', () => {
  const bounds = { maxPendingPerAddress: 2, maxSilentPerAddress: 3 };

  it('keep their places while nobody waits', () => {
    const { come, pass, pacer } = rig(bounds);
    come('a', 'x');
    come('b', 'x');
    pass(60_000);
    expect([pacer.pending(), pacer.silent()]).toEqual([2, 0]);
  });

  it('make room for others of their address after a moment, and are not closed; those who spoke do not', () => {
    const { come, pass, begun, closed, spoken, places, pacer } = rig(bounds);
    for (const name of ['a', 'b', 'c', 'd']) come(name, 'x');
    spoken.add('b');
    pass(99);
    expect(begun).toEqual(['a', 'b']);
    pass(10);
    expect(begun).toEqual(['a', 'b', 'c']);
    expect([pacer.pending(), pacer.silent(), pacer.waiting()]).toEqual([2, 1, 1]);
    pass(110);
    expect([begun, closed]).toEqual([['a', 'b', 'c', 'd'], []]);
    for (const place of places.values()) {
      place.leave();
      place.leave();
    }
    expect([pacer.pending(), pacer.silent()]).toEqual([0, 0]);
  });

  it('are looked at again once what had come was read', () => {
    const { come, pass, begun, spoken, places } = rig({ maxPendingPerAddress: 1 });
    come('a', 'x');
    come('b', 'x');
    // Its bytes came in time, and are read between the two looks.
    places.get('a')?.heldBy({
      isSilent: () => {
        const was = !spoken.has('a');
        spoken.add('a');
        return was;
      },
      destroy: () => {},
    });
    pass(1000);
    expect(begun).toEqual(['a']);
  });

  it('and are answered in between, as in a handshake, have their moment anew with each answer, and before they are closed', () => {
    const { come, pass, begun, closed, places, pacer } = rig({ maxPendingPerAddress: 1, maxSilentPerAddress: 1 });
    for (const name of ['a', 'b', 'c']) come(name, 'x');
    let answered = 0;
    const destroy = (): void => void closed.push('a');
    places.get('a')?.heldBy({ isSilent: () => true, answered: () => answered, destroy });
    pass(50);
    answered = 1500;
    pass(140); // when it was looked at, after 100 ms, it had said its ClientHello
    expect(begun).toEqual(['a']);
    pass(20);
    expect([begun, closed, pacer.silent()]).toEqual([['a', 'b'], [], 1]);
    pass(2000);
    answered = 1800;
    pass(2500); // 4.7 s after it came, 2.5 s after it was last heard
    expect([begun, closed]).toEqual([['a', 'b'], []]);
    pass(1000);
    expect([begun, closed]).toEqual([['a', 'b', 'c'], ['a']]);
  });

  it('are closed beyond so many, the longest silent first, and only after long', () => {
    const { come, pass, begun, closed, spoken, reached, pacer } = rig(bounds);
    for (const name of numbered(8)) come(name, 'x');
    pass(1000);
    expect([begun, closed]).toEqual([['0', '1', '2', '3', '4'], []]); // two with places, three without
    spoken.add('0'); // it takes longer, and is no stranger: it makes room without being closed
    pass(250);
    expect([begun.length, closed]).toEqual([6, []]);
    pass(1700); // 2.95 s after they came
    expect(closed).toEqual([]);
    // Those who waited could have spoken as long.
    pass(400);
    expect(closed).toEqual(['1', '2']);
    expect(begun).toHaveLength(8);
    expect([reached.maxSilentPerAddress, pacer.pending()]).toEqual([2, 2]);
  });

  it('hold everybody of their address up where none may be without a place', () => {
    const { come, pass, begun } = rig({ ...bounds, maxSilentPerAddress: 0 });
    for (const name of ['a', 'b', 'c']) come(name, 'x');
    pass(60_000);
    expect(begun).toEqual(['a', 'b']);
  });
});

it('nobody begins while memory is short; all do afterwards, in their order', () => {
  const clock = manualClock();
  const timers: (() => void)[] = [];
  let isShort = true;
  const pacer = createPacer({
    clock,
    reached: nothingReached(),
    isFull: () => isShort,
    later: (work) => void timers.push(work),
  });
  const begun: string[] = [];
  for (const name of ['a', 'b']) {
    pacer.enter({
      address: '192.0.2.1',
      begin: (place) => {
        begun.push(name);
        place.leave();
      },
      refuse: () => begun.push('refused'),
    });
  }
  for (let i = 0; i < 5; i++) for (const work of timers.splice(0)) work();
  expect([begun, pacer.waiting()]).toEqual([[], 2]);
  isShort = false;
  for (let i = 0; i < 5; i++) for (const work of timers.splice(0)) work();
  expect([begun, pacer.waiting()]).toEqual([['a', 'b'], 0]);
});

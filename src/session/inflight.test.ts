import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Inflight, InflightState } from './index.ts';

describe('messages in flight', () => {
  it('are found, ended and listed as a plain map in order of sending would do it', () => {
    const step = fc.oneof(
      { weight: 3, arbitrary: fc.constant('begin' as const) },
      { weight: 3, arbitrary: fc.nat(40) },
    );
    fc.assert(
      fc.property(fc.array(step, { maxLength: 300 }), (steps) => {
        const inflight = new Inflight<string>();
        const model = new Map<number, string>();
        let made = 0;
        for (const what of steps) {
          if (what === 'begin') {
            made += 1;
            const id = inflight.begin(InflightState.awaitsPuback, `m${made}`);
            expect(model.has(id)).toBe(false);
            model.set(id, `m${made}`);
          } else {
            const id = [...model.keys()][what] ?? 60_000 + what;
            expect(inflight.end(id)).toBe(model.get(id) ?? null);
            model.delete(id);
          }
        }
        expect(inflight.count).toBe(model.size);
        expect([...inflight.inOrder()].map(([id, , entry]) => [id, entry])).toEqual([...model]);
      }),
      { numRuns: 300 },
    );
  });

  it('use identifiers 1 to 65,535 over and over, and never one that is not acknowledged', () => {
    const inflight = new Inflight<number>();
    const stuck = inflight.begin(InflightState.awaitsPubrec, -1);
    let last = 0;
    for (let i = 0; i < 65_534; i++) {
      last = inflight.begin(InflightState.awaitsPuback, i);
      expect(last).not.toBe(stuck);
      inflight.end(last);
    }
    expect(last).toBe(65_535);
    expect(inflight.exhausted).toBe(true);
    inflight.end(stuck);
    expect(inflight.exhausted).toBe(false);
    expect(inflight.begin(InflightState.awaitsPuback, 1)).toBe(1);
  });

  it('go on in another process in the order that they had [MQTT-4.4.0-1]', () => {
    const ids = fc.uniqueArray(fc.nat({ max: 60 }), { maxLength: 30 });
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 65_535 }), ids, (start, offsets) => {
        const inOrder = offsets.toSorted((a, b) => a - b).map((offset) => ((start - 1 + offset) % 65_535) + 1);
        const inflight = new Inflight<string>();
        inflight.restore(
          inOrder.toReversed().map((id) => ({ id, state: InflightState.awaitsPuback, entry: `m${id}` })),
        );
        expect([...inflight.inOrder()].map(([id, , entry]) => [id, entry])).toEqual(
          inOrder.map((id) => [id, `m${id}`]),
        );
        expect(inflight.count).toBe(inOrder.length);
        const next = inflight.begin(InflightState.awaitsPuback, 'next');
        expect(next).toBe(inOrder.length === 0 ? 1 : ((inOrder.at(-1) as number) % 65_535) + 1);
        for (const id of inOrder) expect(inflight.end(id)).toBe(`m${id}`);
        expect(inflight.count).toBe(1);
      }),
      { numRuns: 300 },
    );
  });

  it('give their entry back once when they move on', () => {
    const inflight = new Inflight<string>();
    const id = inflight.begin(InflightState.awaitsPubrec, 'm');
    expect(inflight.advance(id, InflightState.awaitsPubcomp)).toBe('m');
    expect(inflight.stateOf(id)).toBe(InflightState.awaitsPubcomp);
    expect(inflight.end(id)).toBe(null);
    expect(inflight.stateOf(id)).toBe(InflightState.none);
  });
});

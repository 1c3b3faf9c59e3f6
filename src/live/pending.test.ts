import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Pending } from './pending.ts';

type Step =
  | { readonly kind: 'grow'; readonly by: number }
  | { readonly kind: 'touch'; readonly row: number }
  | { readonly kind: 'tell'; readonly count: number }
  | { readonly kind: 'clone' };

const step: fc.Arbitrary<Step> = fc.oneof(
  fc.record({ kind: fc.constant('grow' as const), by: fc.nat(8) }),
  fc.record({ kind: fc.constant('touch' as const), row: fc.nat(40) }),
  fc.record({ kind: fc.constant('tell' as const), count: fc.nat(12) }),
  fc.constant({ kind: 'clone' as const }),
);

describe('what is pending', () => {
  it('is each row that was never told or has changed since, once, in the order of waiting', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60, size: 'max' }), (steps) => {
        let pending = new Pending();
        let total = 0;
        let told = 0;
        let changed: number[] = [];
        for (const at of steps) {
          if (at.kind === 'grow') total += at.by;
          if (at.kind === 'touch' && at.row < total) {
            pending.touch(at.row);
            if (at.row < told && !changed.includes(at.row)) changed.push(at.row);
          }
          if (at.kind === 'tell') {
            const count = Math.min(at.count, pending.count(total));
            const untold = Math.min(count, total - told);
            pending.consume(count, total);
            told += untold;
            changed = changed.slice(count - untold);
          }
          if (at.kind === 'clone') {
            const copy = pending.clone();
            pending.consume(pending.count(total), total);
            pending = copy;
          }
          const untold = Array.from({ length: total - told }, (_, i) => told + i);
          const expected = [...untold, ...changed];
          expect(pending.count(total)).toBe(expected.length);
          expect(expected.map((_, i) => pending.at(i, total))).toEqual(expected);
        }
      }),
      { numRuns: 400 },
    );
  });
});

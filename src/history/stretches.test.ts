import fc from 'fast-check';
import { expect, it } from 'vitest';
import { covers, join, type Stretch } from './stretches.ts';

it('has exactly the numbers that were put in, sorted and apart', () => {
  const added = fc.record({ first: fc.integer({ min: 1, max: 60 }), length: fc.nat({ max: 12 }) });
  fc.assert(
    fc.property(fc.array(added, { maxLength: 12 }), (list) => {
      let stretches: readonly Stretch[] = [];
      const numbers = new Set<number>();
      for (const { first, length } of list) {
        stretches = join(stretches, { source: 's', first, last: first + length });
        for (let n = first; n <= first + length; n++) numbers.add(n);
      }
      for (let n = 0; n <= 80; n++) expect(covers(stretches, 's', n, n)).toBe(numbers.has(n));
      stretches.forEach(({ first }, i) => {
        if (i > 0) expect(first).toBeGreaterThan((stretches[i - 1]?.last ?? 0) + 1);
      });
      expect(stretches.some(({ first, last }) => covers(stretches, 'other', first, last))).toBe(false);
    }),
  );
});

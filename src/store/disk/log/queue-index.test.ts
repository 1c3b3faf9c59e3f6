import fc from 'fast-check';
import { expect, it } from 'vitest';
import { QueueIndex } from './queue-index.ts';

type Step =
  | { readonly do: 'append' | 'copy' | 'ack' | 'ackThrough' | 'has'; readonly number: number }
  | { readonly do: 'page' };

const number = fc.integer({ min: 1, max: 40 });
const step: fc.Arbitrary<Step> = fc.oneof(
  fc.record({ do: fc.constantFrom('append', 'copy', 'ack', 'has'), number }),
  fc.record({ do: fc.constantFrom('append', 'copy', 'ack'), number }),
  fc.record({ do: fc.constant('ackThrough' as const), number }),
  fc.record({ do: fc.constant('page' as const) }),
);

it('holds what a sorted list would, in whatever order the log is read', () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 200 }), (steps) => {
      const index = new QueueIndex();
      const model = new Map<number, number>();
      let sequence = 0;
      for (const one of steps) {
        sequence += 1;
        switch (one.do) {
          case 'append':
          case 'copy': {
            // As the log is read: a number that is known was copied, also one below those that came already.
            const before = index.move(one.number, sequence, one.number * 8);
            expect(before).toBe(model.get(one.number) ?? 0);
            if (before === 0) index.append(one.number, sequence, one.number * 8, 10);
            model.set(one.number, sequence);
            break;
          }
          case 'ack':
            expect(index.ack(one.number)).toBe(model.get(one.number) ?? 0);
            model.delete(one.number);
            break;
          case 'ackThrough': {
            const taken: number[] = [];
            index.ackThrough(one.number, (of) => taken.push(of));
            const wanted = [...model].filter(([known]) => known <= one.number);
            expect(taken.sort()).toEqual(wanted.map(([, of]) => of).sort());
            for (const [known] of wanted) model.delete(known);
            break;
          }
          case 'has':
            expect(index.has(one.number)).toBe(model.has(one.number));
            break;
          case 'page': {
            const sorted = [...model].sort(([a], [b]) => a - b);
            expect(index.page(0, 1000, 1e9).map((entry) => [entry.number, entry.sequence])).toEqual(sorted);
          }
        }
        expect([index.entries, index.bytes]).toEqual([model.size, model.size * 10]);
      }
    }),
    { numRuns: 500 },
  );
});

it('reads copies that come behind greater numbers, and what became of each, in a time that grows with their number', () => {
  const index = new QueueIndex();
  const entries = 100_000;
  for (let n = 2 * entries; n > entries; n--) index.append(n, 1, n, 10);
  for (let n = 1; n <= entries; n++) {
    if (index.move(n, 2, n) === 0) index.append(n, 2, n, 10);
    if (n % 2 === 0) index.ack(n);
  }
  expect(index.page(0, 3, 1e9).map((entry) => entry.number)).toEqual([1, 3, 5]);
  expect(index.entries).toBe(1.5 * entries);
}, 10_000);

it('takes no room for what was taken off behind an entry that stays', () => {
  const index = new QueueIndex();
  for (let number = 1; number <= 100_000; number++) {
    index.append(number, 1, number, 10);
    if (number > 10) expect(index.ack(number - 5)).toBe(1);
  }
  expect(index.entries).toBe(10 + 5 - 5);
  expect(index.capacity).toBeLessThan(1000);
  expect(index.first(0)).toEqual({ number: 1, bytes: 10 });
  expect(index.first(5)).toEqual({ number: 99_996, bytes: 10 });
  expect(index.first(100_000)).toBeNull();
  expect(index.page(0, 100, 1e9).map(({ number }) => number)).toEqual([
    1, 2, 3, 4, 5, 99_996, 99_997, 99_998, 99_999, 100_000,
  ]);
  expect(index.bytes).toBe(100);
});

import { describe, expect, it } from 'vitest';
import { QueueIndex } from './queue-index.ts';

describe('the index of a queue', () => {
  it('does not grow with what was taken off behind an entry that stays', () => {
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
});

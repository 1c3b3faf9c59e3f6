import { describe, expect, it } from 'vitest';
import { Histogram } from './histogram.ts';

describe('a histogram', () => {
  it('puts a value into the first bucket whose bound is not below it', () => {
    const histogram = new Histogram([1, 2, 5]);
    for (const value of [0, 1, 1.5, 2, 5, 5.001, 1000]) histogram.observe(value);
    histogram.observe(3, 10);
    expect(histogram.counts).toEqual([2, 2, 11, 2]);
    expect(histogram.sum).toBeCloseTo(0 + 1 + 1.5 + 2 + 5 + 5.001 + 1000 + 30);
  });

  it.each([[[1, 1]], [[2, 1]]])('does not take the bounds %j', (bounds) => {
    expect(() => new Histogram(bounds)).toThrow(/have to rise/);
  });
});

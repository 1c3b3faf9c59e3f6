import { describe, expect, it } from 'vitest';
import type { Spark } from './spark.ts';
import { createSpark, eachSample, pushSample, seedSpark, sparkLine } from './spark.ts';

const SECOND = 1_000_000;
const valuesOf = (spark: Spark): number[] => {
  const out: number[] = [];
  eachSample(spark, (_, value) => out.push(value));
  return out;
};

describe('the memory of a spark line', () => {
  it('keeps the newest samples when it is full', () => {
    const spark = createSpark(3);
    for (let i = 1; i <= 5; i++) pushSample(spark, i * SECOND, i);
    expect(valuesOf(spark)).toEqual([3, 4, 5]);
  });

  it('leaves out a sample that is not newer', () => {
    const spark = createSpark(3);
    pushSample(spark, SECOND, 1);
    expect(pushSample(spark, SECOND, 9)).toBe(false);
    expect(valuesOf(spark)).toEqual([1]);
  });

  it('lets samples within a second share a place, so that a fast topic still shows a minute', () => {
    const spark = createSpark(60);
    for (let i = 1; i <= 600; i++) pushSample(spark, i * (SECOND / 10), i);
    const first = spark.atUs[spark.head]!;
    expect(spark.length).toBeGreaterThan(50);
    expect(600 * (SECOND / 10) - first).toBeGreaterThan(50 * SECOND);
    expect(valuesOf(spark).at(-1)).toBe(600);
  });

  it('puts history before what was seen live and never twice', () => {
    const spark = createSpark(10);
    pushSample(spark, 10 * SECOND, 10);
    pushSample(spark, 12 * SECOND, 12);
    seedSpark(spark, [
      [6 * SECOND, 6],
      [8 * SECOND, 8],
      [10 * SECOND, 99],
    ]);
    expect(valuesOf(spark)).toEqual([6, 8, 10, 12]);
  });
});

describe('the line of a spark', () => {
  it('goes from the left edge to the right, the greatest value on top', () => {
    const spark = createSpark();
    pushSample(spark, SECOND, 0);
    pushSample(spark, 3 * SECOND, 10);
    expect([...sparkLine(spark, 100, 20, 2)]).toEqual([2, 18, 98, 2]);
  });

  it('runs through the middle while nothing changes', () => {
    const spark = createSpark();
    pushSample(spark, SECOND, 5);
    pushSample(spark, 3 * SECOND, 5);
    const line = sparkLine(spark, 100, 20, 2);
    expect([line[1], line[3]]).toEqual([10, 10]);
  });

  it('is empty without samples and a point at the right with one', () => {
    const spark = createSpark();
    expect(sparkLine(spark, 100, 20, 2)).toHaveLength(0);
    pushSample(spark, SECOND, 5);
    expect([...sparkLine(spark, 100, 20, 2)]).toEqual([98, 10]);
  });
});

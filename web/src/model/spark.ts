/** A short memory of one topic's numbers, for a line of a thumb's width. Bounded, and written in place. */
export type Spark = {
  readonly atUs: Float64Array;
  readonly value: Float64Array;
  /** Index of the oldest sample. */
  head: number;
  length: number;
};

export const SPARK_SAMPLES = 60;

/** Samples closer together than this share a place, the last one wins: a fast topic still shows about a minute. */
const MIN_STEP_US = 1_000_000;

export function createSpark(samples = SPARK_SAMPLES): Spark {
  return { atUs: new Float64Array(samples), value: new Float64Array(samples), head: 0, length: 0 };
}

/** Adds a sample; one that is not newer than the last is left out (a repeated frame). Returns whether it was taken. */
export function pushSample(spark: Spark, atUs: number, value: number): boolean {
  const size = spark.atUs.length;
  const last = (spark.head + spark.length - 1 + size) % size;
  if (spark.length > 0 && atUs <= spark.atUs[last]!) return false;
  const before = (last - 1 + size) % size;
  if (spark.length > 1 && atUs - spark.atUs[before]! < MIN_STEP_US) {
    spark.atUs[last] = atUs;
    spark.value[last] = value;
    return true;
  }
  if (spark.length === size) {
    spark.head = (spark.head + 1) % size;
    spark.length -= 1;
  }
  const at = (spark.head + spark.length) % size;
  spark.atUs[at] = atUs;
  spark.value[at] = value;
  spark.length += 1;
  return true;
}

/** Puts older samples (from history, in time order) before what was seen live. */
export function seedSpark(spark: Spark, samples: readonly (readonly [atUs: number, value: number])[]): void {
  const live: [number, number][] = [];
  eachSample(spark, (atUs, value) => live.push([atUs, value]));
  const firstLive = live[0]?.[0] ?? Number.POSITIVE_INFINITY;
  spark.head = 0;
  spark.length = 0;
  for (const [atUs, value] of samples) if (atUs < firstLive) pushSample(spark, atUs, value);
  for (const [atUs, value] of live) pushSample(spark, atUs, value);
}

/** Oldest first. */
export function eachSample(spark: Spark, visit: (atUs: number, value: number) => void): void {
  for (let i = 0; i < spark.length; i++) {
    const at = (spark.head + i) % spark.atUs.length;
    visit(spark.atUs[at]!, spark.value[at]!);
  }
}

/** Points of the line in a box of `width` x `height` pixels, x0 y0 x1 y1 ...; a flat line runs through the middle. */
export function sparkLine(spark: Spark, width: number, height: number, pad: number): Float64Array {
  const out = new Float64Array(spark.length * 2);
  let min = Number.POSITIVE_INFINITY;
  let max = Number.NEGATIVE_INFINITY;
  let first = 0;
  let last = 0;
  eachSample(spark, (atUs, value) => {
    if (value < min) min = value;
    if (value > max) max = value;
    if (first === 0) first = atUs;
    last = atUs;
  });
  const span = last - first || 1;
  const range = max - min;
  let i = 0;
  eachSample(spark, (atUs, value) => {
    const share = range === 0 ? 0.5 : (value - min) / range;
    out[i++] = spark.length === 1 ? width - pad : pad + ((atUs - first) / span) * (width - 2 * pad);
    out[i++] = height - pad - share * (height - 2 * pad);
  });
  return out;
}

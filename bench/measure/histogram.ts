/**
 * Counts of durations in microseconds, in buckets whose width grows with the value: exact below 64 µs, then 1/64 wide
 * (an error of at most 1.6 %). Recording allocates nothing, and counts of several processes can be added.
 */
export type Histogram = { readonly counts: Float64Array; total: number };

const LINEAR = 64;
/** 2^37 µs is 38 hours; longer durations fall into the last bucket. */
const OCTAVES = 31;
const BUCKETS = LINEAR + OCTAVES * LINEAR;

/** An empty histogram. */
export function createHistogram(): Histogram {
  return { counts: new Float64Array(BUCKETS), total: 0 };
}

/** Counts one duration in µs; a negative one (two stamps within one clock step) counts as 0. */
export function record(histogram: Histogram, micros: number): void {
  histogram.counts[bucketOf(micros)]! += 1;
  histogram.total += 1;
}

/** Adds the counts of `from` to `into`. */
export function addHistogram(into: Histogram, from: Histogram): void {
  for (let i = 0; i < BUCKETS; i += 1) into.counts[i]! += from.counts[i]!;
  into.total += from.total;
}

/** The duration in µs (middle of its bucket) below or at which `fraction` (0..1) of all lie; NaN when empty. */
export function percentile(histogram: Histogram, fraction: number): number {
  if (histogram.total === 0) return Number.NaN;
  // The nearest-rank definition: the smallest value with at least `fraction` of all at or below it.
  const rank = Math.max(1, Math.ceil(fraction * histogram.total));
  let seen = 0;
  for (let i = 0; i < BUCKETS; i += 1) {
    seen += histogram.counts[i]!;
    if (seen >= rank) return middleOf(i);
  }
  return middleOf(BUCKETS - 1);
}

function bucketOf(micros: number): number {
  if (!(micros >= 1)) return 0;
  if (micros < LINEAR) return Math.floor(micros);
  const octave = Math.floor(Math.log2(micros)) - 6;
  if (octave >= OCTAVES) return BUCKETS - 1;
  return LINEAR + octave * LINEAR + Math.floor(micros / 2 ** octave) - LINEAR;
}

function middleOf(bucket: number): number {
  if (bucket < LINEAR) return bucket;
  const octave = Math.floor((bucket - LINEAR) / LINEAR);
  const low = (((bucket - LINEAR) % LINEAR) + LINEAR) * 2 ** octave;
  return low + 2 ** octave / 2 - 0.5;
}

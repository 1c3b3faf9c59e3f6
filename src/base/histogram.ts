/** How values spread over fixed buckets. An observation is a short search and two additions, and allocates nothing. */
export class Histogram {
  /** Upper bounds, each of its own bucket, rising; one more bucket takes what is above the last. */
  readonly bounds: readonly number[];
  /** Observations of each bucket, one more than there are bounds; not cumulative. */
  readonly counts: number[];
  sum = 0;

  constructor(bounds: readonly number[]) {
    if (bounds.some((bound, at) => at > 0 && bound <= (bounds[at - 1] as number))) {
      throw new RangeError(`bounds have to rise: ${bounds.join(', ')}`);
    }
    this.bounds = bounds;
    this.counts = Array.from({ length: bounds.length + 1 }, () => 0);
  }

  /** Forgets all of it. */
  clear(): void {
    this.counts.fill(0);
    this.sum = 0;
  }

  /** Counts `times` observations of one value; a bound belongs to the bucket below it. */
  observe(value: number, times = 1): void {
    const { bounds, counts } = this;
    let at = 0;
    while (at < bounds.length && value > (bounds[at] as number)) at += 1;
    counts[at] = (counts[at] as number) + times;
    this.sum += value * times;
  }
}

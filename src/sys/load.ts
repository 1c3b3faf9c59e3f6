/** The spans of the averages, as topics name them, in seconds. */
export const SPANS = { '1min': 60, '5min': 300, '15min': 900 } as const;
export type Span = keyof typeof SPANS;

/**
 * How fast a counter grows, per minute, as exponential averages over 1, 5 and 15 minutes: Mosquitto's, and much like the
 * load of a Unix system. All start at 0.
 */
export class Load {
  readonly perMinute: Record<Span, number> = { '1min': 0, '5min': 0, '15min': 0 };
  #last: number;

  constructor(count: number) {
    this.#last = count;
  }

  /** `count`: what the counter stands at, `seconds` after the last time. */
  update(count: number, seconds: number): void {
    if (seconds <= 0) return;
    const now = ((count - this.#last) * 60) / seconds;
    this.#last = count;
    for (const span of Object.keys(SPANS) as Span[]) {
      this.perMinute[span] = now + Math.exp(-seconds / SPANS[span]) * (this.perMinute[span] - now);
    }
  }
}

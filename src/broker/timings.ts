import { Histogram } from '../base/index.ts';

/** How long things take, in seconds. */
export type Timings = {
  /** From the read of a PUBLISH of QoS 1 or 2 to the write of its PUBACK or PUBREC: its message is durable by then. */
  readonly acknowledged: Histogram;
  /** One commit of the durable store. An engine that promises nothing has none. */
  readonly committed: Histogram;
  /** From the arrival of a message that had to wait for its receiver to its being sent. */
  readonly queued: Histogram;
};

export function newTimings(): Timings {
  return { acknowledged: new Histogram(FAST_S), committed: new Histogram(FAST_S), queued: new Histogram(PATIENT_S) };
}

const FAST_S = [0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5];
/** Up to a day: a session may be away for long. */
const PATIENT_S = [0.001, 0.01, 0.1, 1, 10, 60, 600, 3600, 86_400];

/** Half of the least bound above. */
const GRAIN_MS = 0.05;

/**
 * When the messages came whose acknowledgements are on their way. What came within GRAIN_MS shares one entry, as of the
 * first: so a thousand devices with a message each are some ten entries.
 */
export class AckTimes {
  // Used again and again: a turn makes no arrays.
  readonly #cameMs: number[] = [];
  readonly #counts: number[] = [];
  #used = 0;

  get empty(): boolean {
    return this.#used === 0;
  }

  /** `cameMs`: monotonic. */
  add(cameMs: number, count = 1): void {
    const last = this.#used - 1;
    if (last >= 0) {
      const laterMs = cameMs - (this.#cameMs[last] as number);
      // Those that waited for a commit are older.
      if (laterMs >= 0 && laterMs < GRAIN_MS) {
        this.#counts[last] = (this.#counts[last] as number) + count;
        return;
      }
    }
    this.#cameMs[this.#used] = cameMs;
    this.#counts[this.#used] = count;
    this.#used += 1;
  }

  addAll(others: AckTimes): void {
    for (let i = 0; i < others.#used; i++) this.add(others.#cameMs[i] as number, others.#counts[i] as number);
  }

  /** They are written now. */
  observe(histogram: Histogram, nowMs: number): void {
    for (let i = 0; i < this.#used; i++) {
      histogram.observe((nowMs - (this.#cameMs[i] as number)) / 1000, this.#counts[i]);
    }
    this.#used = 0;
  }
}

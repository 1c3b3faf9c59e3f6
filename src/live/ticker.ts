import { type Clock, type Logger, messageOf, type TurnMeter } from '../base/index.ts';
import type { LiveTimers } from './port.ts';

/** Timers of the machine; they do not keep the process alive. */
export const systemTimers: LiveTimers = {
  after: (ms, run) => {
    const timer = setTimeout(run, ms);
    timer.unref();
    return () => clearTimeout(timer);
  },
};

export type TickerOptions = {
  readonly clock: Clock;
  readonly logger: Logger;
  readonly timers: LiveTimers;
  readonly turns: TurnMeter | undefined;
  /** Milliseconds from the start of one round to that of the next. */
  readonly everyMs: number;
  /** Milliseconds of work after which the event loop gets its turn, and how long that is at least. */
  readonly turnMs: number;
  readonly restMs: number;
  /** One round of work; each stop is a place where the event loop may have its turn. */
  readonly round: () => Generator<void, void>;
  /** Whether there is to be another round. */
  readonly wanted: () => boolean;
};

/** Does rounds of work while they are wanted, in short turns. No timer runs while they are not. */
export class Ticker {
  readonly #options: TickerOptions;
  #cancel: (() => void) | null = null;
  #round: Generator<void, void> | null = null;
  #startedMs = Number.NEGATIVE_INFINITY;
  #working = false;

  constructor(options: TickerOptions) {
    this.#options = options;
  }

  /** Somebody wants rounds now. */
  wake(): void {
    if (this.#cancel === null && !this.#working) this.#schedule();
  }

  /** Nobody wants rounds any more; one that had begun is left. */
  stop(): void {
    this.#cancel?.();
    this.#cancel = null;
    this.#round = null;
  }

  #schedule(): void {
    const { clock, timers, everyMs, restMs } = this.#options;
    const dueMs = this.#round === null ? this.#startedMs + everyMs - clock.monotonicMs() : restMs;
    this.#cancel = timers.after(Math.max(0, dueMs), () => this.#turn());
  }

  #turn(): void {
    const { clock, logger, turnMs, wanted, turns } = this.#options;
    turns?.begin('live');
    const nowMs = clock.monotonicMs();
    if (this.#round === null) this.#startedMs = nowMs;
    const round = this.#round ?? this.#options.round();
    this.#round = round;
    this.#cancel = null;
    this.#working = true;
    try {
      do {
        if (round.next().done) this.#round = null;
      } while (this.#round === round && clock.monotonicMs() - nowMs < turnMs);
    } catch (error) {
      this.#round = null;
      logger.error({ error: messageOf(error) }, 'A round of the live view failed; the next one goes on.');
    }
    this.#working = false;
    if (wanted()) this.#schedule();
    else this.#round = null;
  }
}

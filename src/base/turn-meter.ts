import type { Clock } from './clock.ts';
import { Histogram } from './histogram.ts';
import type { Logger } from './logger.ts';
import { silentLogger } from './logger.ts';
import type { ThreadCpu } from './thread-cpu.ts';

/** The kinds of work that the event loop does. A closed list: they are values of a label in `/metrics`. */
export const WORK = [
  'reading',
  'connect',
  'subscribe',
  'unsubscribe',
  'session end',
  'closing',
  'retained search',
  'queue',
  'commit',
  'writing',
  'tick',
  'restore',
  'live',
  'sys',
  'metrics',
  'http',
] as const;

export type Work = (typeof WORK)[number];

export type TurnMeterOptions = {
  readonly clock: Clock;
  /** CPU time of the thread; null: a turn is what passes on the clock, which other programs make longer. */
  readonly cpu?: ThreadCpu | null;
  readonly logger?: Logger;
  /** Calls back at the end of the turn; a test gives its own. */
  readonly atEnd?: (work: () => void) => void;
};

/** Up to this a turn is taken to be what passes on the clock: its CPU time is no more. */
const SHORT_MS = 5;
/** How old the last look at the CPU time may be when a turn begins: so much may be said too much of it. */
const STALE_MS = 10;
/** A turn above this gets a line in the log. */
const LONG_MS = 50;
const BOUNDS_S = [0.0001, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1];

/**
 * How much of the thread's own CPU each turn of the event loop uses, and on which kind of work most of it went. A turn
 * begins with the first work that says what it is and ends when all that came with it is done. What a long one used is
 * looked up in `/proc`, at most once in STALE_MS besides: so a turn is never said to be shorter than it was, and by no more
 * than STALE_MS too long.
 */
export class TurnMeter {
  readonly histogram = new Histogram(BOUNDS_S);
  /** The longest turn since start of each kind of work that was the greater part of one, in seconds. */
  readonly longest = new Map<Work, number>();
  /** What is worked on now; null: no turn has begun. Look here before `begin` where it is often called. */
  work: Work | null = null;
  /** False: wall time. */
  readonly isCpu: boolean;
  readonly #clock: Clock;
  /** When the turn that is under way began. */
  #startedMs = 0;
  readonly #cpu: ThreadCpu | null;
  readonly #logger: Logger;
  #atEnd: (work: () => void) => void;
  /** CPU time at the last look, and when that was. */
  #sampledCpuMs = 0;
  #sampledMs = Number.NEGATIVE_INFINITY;
  /** Since when `work` is what is worked on, and what was spent on each kind of this turn before. */
  #sinceMs = 0;
  readonly #spentMs = new Map<Work, number>();

  constructor({ clock, cpu = null, logger = silentLogger, atEnd = setImmediate }: TurnMeterOptions) {
    this.#clock = clock;
    this.#cpu = cpu;
    this.#logger = logger;
    this.isCpu = cpu !== null;
    this.#atEnd = atEnd;
  }

  /** Who does something at the end of each turn anyway calls `end` then; `wake` sees to it that there is one. */
  endsWith(wake: () => void): void {
    this.#atEnd = wake;
  }

  /** Work of a kind begins, or goes on. */
  begin(work: Work, nowMs = this.#clock.monotonicMs()): void {
    if (this.work === null) this.#start(nowMs);
    else this.#spend(nowMs);
    this.work = work;
  }

  /** Begins to count: all until now, this turn too, was the start, when nobody is connected who could wait. */
  countFromNow(): void {
    this.histogram.clear();
    this.longest.clear();
    this.#spentMs.clear();
    this.work = null;
    if (this.#cpu !== null) this.#sample(this.#cpu(), this.#clock.monotonicMs());
  }

  /** Since the beginning of the turn that is under way, on the clock; 0 when there is none. */
  elapsedMs(): number {
    return this.work === null ? 0 : this.#clock.monotonicMs() - this.#startedMs;
  }

  #start(nowMs: number): void {
    this.#startedMs = nowMs;
    this.#sinceMs = nowMs;
    if (this.#cpu !== null && nowMs - this.#sampledMs >= STALE_MS) this.#sample(this.#cpu(), nowMs);
    this.#atEnd(this.end);
  }

  #sample(cpuMs: number, nowMs: number): void {
    this.#sampledCpuMs = cpuMs;
    this.#sampledMs = nowMs;
  }

  #spend(nowMs: number): void {
    const work = this.work as Work;
    this.#spentMs.set(work, (this.#spentMs.get(work) ?? 0) + nowMs - this.#sinceMs);
    this.#sinceMs = nowMs;
  }

  /** All that came with this turn is done. */
  readonly end = (): void => {
    if (this.work === null) return;
    const nowMs = this.#clock.monotonicMs();
    let ms = nowMs - this.#startedMs;
    if (ms > SHORT_MS && this.#cpu !== null) {
      const cpuMs = this.#cpu();
      ms = Math.min(ms, cpuMs - this.#sampledCpuMs);
      this.#sample(cpuMs, nowMs);
    }
    this.histogram.observe(ms / 1000);
    if (ms > SHORT_MS) {
      this.#spend(nowMs);
      this.#note(ms);
    }
    if (this.#spentMs.size > 0) this.#spentMs.clear();
    this.work = null;
  };

  #note(ms: number): void {
    let chief: Work = this.work as Work;
    for (const [work, spentMs] of this.#spentMs) if (spentMs > (this.#spentMs.get(chief) ?? 0)) chief = work;
    if (ms / 1000 > (this.longest.get(chief) ?? 0)) this.longest.set(chief, ms / 1000);
    if (ms <= LONG_MS) return;
    const spent = Object.fromEntries([...this.#spentMs].map(([work, spentMs]) => [work, Math.round(spentMs)]));
    this.#logger.info({ ms: Math.round(ms), work: chief, spent }, 'a turn of the event loop took long');
  }
}

import type { TurnMeter, Work } from '../base/index.ts';
import type { Connection } from './connection.ts';
import { readOnLater } from './reading-later.ts';

/** What a turn may spend, in milliseconds, before the rest is put off to the next one. */
export const READING_MS = 5;
/** Where bytes wait unread, all reading ends here, or this much after what else was read. */
const UNREAD_MS = 3;
const UNREAD_AT_LEAST_MS = 1;
/** The system hands over one new connection a turn: where one came, the next is not kept waiting for long. */
const UNREAD_BEFORE_NEXT_MS = 0.3;
const LATER_MS = 2;
const AHEAD_MS = 2;
const FEW_A_TURN = 64;

/** What was put off since the turn had used its time. The end of each turn goes on with some of it. */
export class PutOff {
  readonly #meter: TurnMeter;
  readonly #wake: () => void;
  /** Connections with bytes that are kept unread, in their order. */
  #unread: Connection[] = [];
  /** Works, in their order. */
  #later: (() => void)[] = [];
  /** Works that make more work behind the turn's end: so many a turn. */
  #few: (() => void)[] = [];
  /** A connection came in this turn. */
  hasNewcomer = false;
  /** What was begun and goes on before all that. */
  readonly #ahead: (() => boolean)[] = [];
  /** What is done now is late beyond this, in milliseconds since the turn began. */
  lateMs = READING_MS;

  /** `wake` sees to it that there is a turn that calls `goOn`. */
  constructor(meter: TurnMeter, wake: () => void) {
    this.#meter = meter;
    this.#wake = wake;
  }

  /** Something waits for a turn. */
  get any(): boolean {
    return this.#unread.length + this.#later.length + this.#ahead.length + this.#few.length > 0;
  }

  get anyUnread(): boolean {
    return this.#unread.length > 0;
  }

  /** See `Turn.isLate`. */
  isLate(): boolean {
    return this.#meter.elapsedMs() > this.lateMs;
  }

  /** See `Turn.readLater`. */
  read(connection: Connection): void {
    this.#unread.push(connection);
    this.#wake();
  }

  /** See `Turn.later`. */
  later(work: () => void): void {
    this.#later.push(work);
    this.#wake();
  }

  /** See `Turn.fewATurn`. */
  few(work: () => void): void {
    this.#few.push(work);
    this.#wake();
  }

  /** See `Turn.ahead`. */
  ahead(work: () => boolean): void {
    this.#ahead.push(work);
    this.#wake();
  }

  /** See `Turn.inTime`. */
  async inTime(work: Work): Promise<void> {
    this.#meter.begin(work);
    while (this.isLate()) {
      await new Promise<void>((resolve) => this.later(resolve));
      // All that were woken together come one after the other, behind the end of the turn that woke them.
      this.#meter.begin(work);
    }
  }

  /** A part of each kind, at the end of a turn: at least one, so that a busy turn does not keep it from its own for ever. */
  goOn(): void {
    if (this.#ahead.length > 0) this.#goAhead();
    if (this.#unread.length > 0) this.#readUnread();
    if (this.#later.length > 0) this.#doLater();
    if (this.#few.length > 0) for (const work of this.#few.splice(0, FEW_A_TURN)) work();
    this.hasNewcomer = false;
  }

  #until(lateMs: number, work: () => void): void {
    this.lateMs = lateMs;
    work();
    this.lateMs = READING_MS;
    this.#meter.begin('writing');
  }

  #goAhead(): void {
    this.#until(this.#meter.elapsedMs() + AHEAD_MS, () => {
      do {
        if (!(this.#ahead[0] as () => boolean)()) this.#ahead.shift();
      } while (this.#ahead.length > 0 && !this.isLate());
    });
  }

  /** What does not get to its end is put off again, behind the others. */
  #readUnread(): void {
    const unread = this.#unread;
    this.#unread = [];
    const elapsedMs = this.#meter.elapsedMs();
    const untilMs = Math.max(UNREAD_MS, elapsedMs + UNREAD_AT_LEAST_MS);
    this.#until(this.hasNewcomer ? elapsedMs + UNREAD_BEFORE_NEXT_MS : untilMs, () => {
      let read = 0;
      do {
        readOnLater(unread[read] as Connection);
        read += 1;
      } while (read < unread.length && !this.isLate());
      if (read < unread.length) this.#unread = [...unread.slice(read), ...this.#unread];
    });
  }

  #doLater(): void {
    this.#until(this.#meter.elapsedMs() + LATER_MS, () => {
      let done = 0;
      do {
        (this.#later[done] as () => void)();
        done += 1;
      } while (done < this.#later.length && !this.isLate());
      this.#later = done === this.#later.length ? [] : this.#later.slice(done);
    });
  }
}

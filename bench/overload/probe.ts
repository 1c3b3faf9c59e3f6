import { connect, type Socket } from 'node:net';
import { encodeConnect, encodePublish, encodeSubscribe, PUBLISH } from '../wire/encode.ts';
import { createFraming, feed } from '../wire/framing.ts';

/** What somebody else's client felt, in milliseconds. */
export type ProbeReport = {
  readonly millis: readonly number[];
  /** Sent and never seen again; each also counts in `millis` with the time that was waited for it. */
  readonly lost: number;
  /** Its connection ended and it came again. */
  readonly reconnects: number;
};

const EVERY_MS = 20;
const AGAIN_MS = 100;

/**
 * A client that minds its own business: publishes 50 times a second at QoS 0 to itself. Times run from when a message was
 * due, so that none that could not be sent looks fast.
 */
export class Probe {
  readonly #port: number;
  readonly #due = new Map<number, number>();
  #timer: NodeJS.Timeout;
  readonly #startedMs = performance.now();
  #millis: number[] = [];
  #next = 0;
  #reconnects = 0;
  #socket: Socket | null = null;
  #ready: () => void = () => {};
  #over = false;
  readonly ready = new Promise<void>((resolve) => {
    this.#ready = resolve;
  });

  constructor(port: number) {
    this.#port = port;
    this.#connect();
    this.#timer = setTimeout(() => this.#send(), 0);
  }

  /** Forgets what was measured so far. */
  reset(): void {
    this.#millis = [];
    this.#reconnects = 0;
  }

  /** What was measured since the last `reset`; what is not back after `patienceMs` is lost. */
  async report(patienceMs: number): Promise<ProbeReport> {
    const last = this.#next;
    const untilMs = performance.now() + patienceMs;
    const waiting = (): number[] => [...this.#due].filter(([number]) => number < last).map(([, dueMs]) => dueMs);
    while (waiting().length > 0 && performance.now() < untilMs) await new Promise((done) => setTimeout(done, 20));
    const nowMs = performance.now();
    const lost = waiting().map((dueMs) => nowMs - dueMs);
    return { millis: [...this.#millis, ...lost], lost: lost.length, reconnects: this.#reconnects };
  }

  close(): void {
    this.#over = true;
    clearTimeout(this.#timer);
    this.#socket?.destroy();
  }

  #connect(): void {
    const framing = createFraming();
    const socket = connect({ port: this.#port, host: '127.0.0.1', noDelay: true });
    this.#socket = socket;
    socket.write(encodeConnect('probe'));
    socket.write(encodeSubscribe('probe/own', 0));
    socket.on('data', (chunk: Buffer) => feed(framing, chunk, chunk.length, (...packet) => this.#packet(...packet)));
    socket.on('error', () => {});
    socket.on('close', () => {
      this.#socket = null;
      if (this.#over) return;
      this.#reconnects += 1;
      setTimeout(() => this.#connect(), AGAIN_MS);
    });
  }

  #packet(first: number, buffer: Uint8Array, start: number, end: number): void {
    if (first >> 4 === SUBACK) this.#ready();
    if (first >> 4 !== PUBLISH) return;
    const topicBytes = ((buffer[start] ?? 0) << 8) | (buffer[start + 1] ?? 0);
    const number = Number(Buffer.from(buffer.subarray(start + 2 + topicBytes, end)).toString());
    const dueMs = this.#due.get(number);
    if (dueMs === undefined) return;
    this.#due.delete(number);
    this.#millis.push(performance.now() - dueMs);
  }

  /** All that is due by now: a late timer leaves none out. Then it waits for the next, to the millisecond. */
  #send(): void {
    const nowMs = performance.now();
    for (;;) {
      const dueMs = this.#startedMs + this.#next * EVERY_MS;
      if (dueMs > nowMs) {
        this.#timer = setTimeout(() => this.#send(), dueMs - nowMs);
        return;
      }
      this.#due.set(this.#next, dueMs);
      this.#socket?.write(encodePublish('probe/own', Buffer.from(String(this.#next)), 0, 0));
      this.#next += 1;
    }
  }
}

const SUBACK = 9;

import type { HistoryError } from '../port.ts';
import type { Answer } from '../protocol.ts';

/** What comes of one question. After `answer` of a series list, `end` or `file` nothing more does. */
export type Came =
  | { readonly kind: 'answer'; readonly value: Answer }
  | { readonly kind: 'piece'; readonly bytes: Uint8Array; readonly truncated: boolean }
  | { readonly kind: 'end' }
  /** A finished file, to be read and then let go by `close`. */
  | { readonly kind: 'file'; readonly path: string };

type Wiring = {
  /** The other side may send so many bytes more. */
  readonly pull: (bytes: number) => void;
  readonly close: (ended: boolean) => void;
};

/** So much is taken before more is asked for: a quarter of what may be on its way. */
const PULL_BYTES = 64 * 1024;

/** What comes of one question to the history process, kept until it is taken: bounded, since more comes only when asked for. */
export class Incoming {
  readonly #wiring: Wiring;
  readonly #came: Came[] = [];
  #error: HistoryError | null = null;
  #wake: (() => void) | null = null;
  #taken = 0;
  #ended = false;
  #closed = false;

  constructor(wiring: Wiring) {
    this.#wiring = wiring;
  }

  push(came: Came): void {
    this.#came.push(came);
    this.#ring();
  }

  fail(error: HistoryError): void {
    this.#error ??= error;
    this.#ended = true;
    this.#ring();
  }

  /** The next thing that came, in order. Rejects with HistoryError; also when it is closed meanwhile. */
  async next(): Promise<Came> {
    while (this.#came.length === 0) {
      if (this.#error !== null) throw this.#error;
      if (this.#closed) return { kind: 'end' };
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
    const came = this.#came.shift() as Came;
    if (came.kind === 'end') this.#ended = true;
    if (came.kind !== 'piece') return came;
    this.#taken += came.bytes.length;
    if (this.#taken >= PULL_BYTES) {
      this.#wiring.pull(this.#taken);
      this.#taken = 0;
    }
    return came;
  }

  /** Nothing more is wanted. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#came.length = 0;
    this.#wiring.close(this.#ended);
    this.#ring();
  }

  #ring(): void {
    this.#wake?.();
    this.#wake = null;
  }
}

import type { HistoryError } from '../port.ts';
import type { Answer } from '../protocol.ts';
import { fillSlab, giveSlab, type Slab, takeSlab } from './slabs.ts';

/** What comes of one question. After the answer to `series`, `end` or `file` nothing more does. */
export type Came =
  | { readonly kind: 'answer'; readonly value: Answer }
  /** Its bytes are the caller's until it asks for the next thing. */
  | { readonly kind: 'piece'; readonly slab: Slab }
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
  #lent: Slab | null = null;
  #error: HistoryError | null = null;
  #wake: (() => void) | null = null;
  #taken = 0;
  #ended = false;
  #closed = false;
  /** There is more than was asked for. */
  truncated = false;

  constructor(wiring: Wiring) {
    this.#wiring = wiring;
  }

  push(came: Came): void {
    this.#came.push(came);
    this.#ring();
  }

  /** Copies bytes behind those that wait. */
  pushBytes(bytes: Uint8Array): void {
    const last = this.#came.at(-1);
    let at = last?.kind === 'piece' ? fillSlab(last.slab, bytes, 0) : 0;
    while (at < bytes.length) {
      const slab = takeSlab();
      at += fillSlab(slab, bytes, at);
      this.#came.push({ kind: 'piece', slab });
    }
    this.#ring();
  }

  fail(error: HistoryError): void {
    this.#error ??= error;
    this.#ended = true;
    this.#ring();
  }

  /** The next thing that came, in order; `end` once it is closed. Rejects with HistoryError. */
  async next(): Promise<Came> {
    this.#giveBack();
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
    this.#lent = came.slab;
    this.#taken += came.slab.length;
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
    for (const came of this.#came) if (came.kind === 'piece') giveSlab(came.slab);
    this.#came.length = 0;
    this.#wiring.close(this.#ended);
    this.#ring();
  }

  #giveBack(): void {
    if (this.#lent !== null) giveSlab(this.#lent);
    this.#lent = null;
  }

  #ring(): void {
    this.#wake?.();
    this.#wake = null;
  }
}

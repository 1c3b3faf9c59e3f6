/** The unfinished packet at the end of what a connection has sent: copied, since the chunk is used again. */
export class Tail {
  buffer: Buffer;
  length: number;
  /** Size of the packet that it begins with, or 0 while that is not known. */
  readonly #wanted: number;
  /** Bytes that `advanced` has told of. */
  #told = 0;

  /** Of from[start..end); `wholeBytes` is the packet's full size when that is known, else 0. */
  constructor(from: Buffer, start: number, end: number, wholeBytes: number) {
    this.#wanted = wholeBytes;
    const size = end - start;
    // Grows with what really comes, never to what a header announces.
    const capacity = Math.max(size, Math.min(wholeBytes, size * 2, FIRST_BYTES));
    this.buffer = Buffer.allocUnsafeSlow(capacity);
    from.copy(this.buffer, 0, start, end);
    this.length = size;
  }

  /** Whether looking into it again is worth while: a packet may be whole now. */
  get promising(): boolean {
    return this.length >= this.#wanted;
  }

  /** Whether it is so with `more` bytes. */
  promises(more: number): boolean {
    return this.length + more >= this.#wanted;
  }

  /** Whether a good part more of a large packet has come than when this was true last. */
  advanced(): boolean {
    if (this.length - this.#told < GOOD_PART_BYTES) return false;
    this.#told = this.length;
    return true;
  }

  /** Takes bytes to..from out of it. */
  closeGap(to: number, from: number): void {
    if (to < from) this.buffer.copyWithin(to, from, this.length);
    this.length -= from - to;
  }

  append(from: Buffer, start: number, end: number): void {
    const size = this.length + end - start;
    if (size > this.buffer.length) {
      const grown = Buffer.allocUnsafeSlow(Math.max(size, this.buffer.length * 2));
      this.buffer.copy(grown, 0, 0, this.length);
      this.buffer = grown;
    }
    from.copy(this.buffer, this.length, start, end);
    this.length = size;
  }
}

const FIRST_BYTES = 64 * 1024;
/** For the keep-alive: who sends a large packet cannot ping before its end. Told in docs/devices.md. */
const GOOD_PART_BYTES = 4096;

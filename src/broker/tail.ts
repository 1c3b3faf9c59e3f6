/** The unfinished packet at the end of what a connection has sent: copied, since the chunk is used again. */
export class Tail {
  #buffer: Buffer = NOTHING;
  /** Size of the packet that it begins with, or 0 while that is not known. */
  #wanted = 0;
  length = 0;

  /** Whether looking into it again is worth while: a packet may be whole now. */
  get promising(): boolean {
    return this.length >= this.#wanted;
  }

  /** Keeps from[start..end) as the whole tail; `wholeBytes` is the packet's full size when that is known, else 0. */
  keep(from: Buffer, start: number, end: number, wholeBytes: number): void {
    this.#wanted = wholeBytes;
    const size = end - start;
    // Grows with what really comes, never to what a header announces.
    const capacity = Math.max(size, Math.min(wholeBytes, size * 2, FIRST_BYTES));
    this.#buffer = Buffer.allocUnsafeSlow(capacity);
    from.copy(this.#buffer, 0, start, end);
    this.length = size;
  }

  append(from: Buffer, start: number, end: number): void {
    const size = this.length + end - start;
    if (size > this.#buffer.length) {
      const grown = Buffer.allocUnsafeSlow(Math.max(size, this.#buffer.length * 2));
      this.#buffer.copy(grown, 0, 0, this.length);
      this.#buffer = grown;
    }
    from.copy(this.#buffer, this.length, start, end);
    this.length = size;
  }

  /** Gives the tail away and is empty. */
  take(): { readonly buffer: Buffer; readonly length: number } {
    const taken = { buffer: this.#buffer, length: this.length };
    this.clear();
    return taken;
  }

  clear(): void {
    this.#buffer = NOTHING;
    this.#wanted = 0;
    this.length = 0;
  }
}

const NOTHING = Buffer.alloc(0);
const FIRST_BYTES = 64 * 1024;

import type { Wire } from './wire.ts';

const SMALL = 4 * 1024;
const LARGE = 64 * 1024;
/** Free chunks that are kept for the next turn: 16 MiB of large ones, 4 MiB of small ones. */
const KEEP_LARGE = 256;
const KEEP_SMALL = 1024;

/**
 * What waits to be sent to one connection. Packets are encoded straight into the current chunk; at the end of the turn all
 * goes to the wire in one write. Chunks come from a pool that all connections share, so an idle connection holds none:
 *
 *    sealed: [ chunk | a large payload by reference | chunk ]   current: [ ####......... ]
 */
export class Output {
  /** The chunk to write into, after `reserve`. */
  buffer: Buffer = NOTHING;
  /** Bytes that wait here or in the wire. */
  bytes = 0;
  #length = 0;
  #sealed: Buffer[] | null = null;
  /** Chunks that `#sealed` shows parts of. */
  #sealedChunks: Buffer[] | null = null;
  /** Chunks that the wire has not sent yet; null when it is idle. */
  #lent: Buffer[] | null = null;
  #lentBytes = 0;

  /** Makes room for exactly `size` bytes and counts them as written: fill buffer[offset..offset+size) at once. */
  reserve(size: number): number {
    this.bytes += size;
    const at = this.#length;
    if (at + size <= this.buffer.length) {
      this.#length = at + size;
      return at;
    }
    return this.#reserveElsewhere(size);
  }

  /** Queues bytes by reference; their owner does not change them any more. */
  appendShared(bytes: Buffer): void {
    if (bytes.length === 0) return;
    this.bytes += bytes.length;
    this.#seal();
    this.#sealed ??= [];
    this.#sealed.push(bytes);
  }

  /** Hands everything to the wire, unless it is still busy with the last lot. */
  flush(wire: Wire): void {
    if (this.#lent !== null || this.bytes === 0) return;
    const chunk = this.buffer;
    const chunks = this.#sealedChunks;
    const buffers = this.#sealed ?? [];
    if (this.#length > 0) buffers.push(this.#length === chunk.length ? chunk : chunk.subarray(0, this.#length));
    this.buffer = NOTHING;
    this.#length = 0;
    this.#sealed = null;
    this.#sealedChunks = null;
    if (wire.write(buffers)) {
      this.bytes = 0;
      giveBack(chunk);
      if (chunks) for (const each of chunks) giveBack(each);
      return;
    }
    this.#lent = chunks ?? [];
    this.#lent.push(chunk);
    this.#lentBytes = this.bytes;
  }

  /** The wire has sent what it was given. */
  written(): void {
    if (this.#lent === null) return;
    for (const chunk of this.#lent) giveBack(chunk);
    this.#lent = null;
    this.bytes -= this.#lentBytes;
    this.#lentBytes = 0;
  }

  /** Forgets everything: the connection is gone. Chunks that the wire may still hold are left to the collector. */
  discard(): void {
    this.buffer = NOTHING;
    this.#length = 0;
    this.#sealed = null;
    this.#sealedChunks = null;
    this.#lent = null;
    this.#lentBytes = 0;
    this.bytes = 0;
  }

  #reserveElsewhere(size: number): number {
    const before = this.buffer;
    const used = this.#length;
    if (before.length === SMALL && used + size <= LARGE) {
      // A first small chunk that overflows moves into a large one; nothing is sealed for a few bytes.
      const chunk = large.pop() ?? Buffer.allocUnsafeSlow(LARGE);
      before.copy(chunk, 0, 0, used);
      giveBack(before);
      this.buffer = chunk;
      this.#length = used + size;
      return used;
    }
    this.#seal();
    if (size > LARGE) this.buffer = Buffer.allocUnsafeSlow(size);
    else if (size <= SMALL && this.#sealed === null) this.buffer = small.pop() ?? Buffer.allocUnsafeSlow(SMALL);
    else this.buffer = large.pop() ?? Buffer.allocUnsafeSlow(LARGE);
    this.#length = size;
    return 0;
  }

  #seal(): void {
    if (this.#length === 0) return;
    this.#sealed ??= [];
    this.#sealed.push(this.buffer.subarray(0, this.#length));
    this.#sealedChunks ??= [];
    this.#sealedChunks.push(this.buffer);
    this.buffer = NOTHING;
    this.#length = 0;
  }
}

const NOTHING = Buffer.alloc(0);
const small: Buffer[] = [];
const large: Buffer[] = [];

/** Outsize chunks have neither length and go to the collector. */
function giveBack(chunk: Buffer): void {
  if (chunk.length === LARGE && large.length < KEEP_LARGE) large.push(chunk);
  else if (chunk.length === SMALL && small.length < KEEP_SMALL) small.push(chunk);
}

import { Chunk, LARGEST_CHUNK, takeChunk } from './chunks.ts';
import type { Wire } from './wire.ts';

/**
 * What waits to be sent to one connection. Packets are encoded straight into the current chunk; at the end of the turn all
 * goes to the wire in one write. Chunks come from a pool that all connections share, so an idle connection holds none:
 *
 *    sealed: [ chunk | a large payload by reference | chunk ]   current: [ ####......... ]
 */
export class Output {
  /** Bytes that wait here or in the wire. */
  bytes = 0;
  /** The memory to write into, after `reserve`. */
  buffer: Buffer = NOTHING.bytes;
  #length = 0;
  #chunk: Chunk = NOTHING;
  #sealed: Buffer[] | null = null;
  /** Chunks that `#sealed` shows parts of. */
  #sealedChunks: Chunk[] | null = null;
  /** Chunks that the wire has not sent yet; null when it is idle. */
  #lent: Chunk[] | null = null;
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
    const chunk = this.#chunk;
    const chunks = this.#sealedChunks;
    const gone = wire.write(this.#buffers());
    this.#sealed = null;
    this.#sealedChunks = null;
    this.#use(NOTHING, 0);
    if (gone) {
      this.bytes = 0;
      chunk.giveBack();
      if (chunks) for (const each of chunks) each.giveBack();
      return;
    }
    this.#lent = chunks ?? [];
    this.#lent.push(chunk);
    this.#lentBytes = this.bytes;
  }

  /** The wire has sent what it was given. */
  written(): void {
    if (this.#lent === null) return;
    for (const chunk of this.#lent) chunk.giveBack();
    this.#lent = null;
    this.bytes -= this.#lentBytes;
    this.#lentBytes = 0;
  }

  /** Forgets everything: the connection is gone. Chunks that the wire may still hold are left to the collector. */
  discard(): void {
    this.#use(NOTHING, 0);
    this.#sealed = null;
    this.#sealedChunks = null;
    this.#lent = null;
    this.#lentBytes = 0;
    this.bytes = 0;
  }

  #buffers(): readonly Buffer[] {
    if (this.#sealed === null) {
      single[0] = this.#chunk.first(this.#length);
      return single;
    }
    if (this.#length > 0) this.#sealed.push(this.#chunk.first(this.#length));
    return this.#sealed;
  }

  #reserveElsewhere(size: number): number {
    const before = this.#chunk;
    const used = this.#length;
    if (used > 0 && used + size <= LARGEST_CHUNK) {
      // A chunk that overflows moves into a larger one: one piece for a few kilobytes, and nothing is sealed for a few bytes.
      const chunk = takeChunk(used + size);
      before.bytes.copy(chunk.bytes, 0, 0, used);
      before.giveBack();
      this.#use(chunk, used + size);
      return used;
    }
    this.#seal();
    // After a piece that is full more is likely to follow; not after a large payload, which many may get at once.
    this.#use(takeChunk(used === 0 ? size : Math.max(size, LARGEST_CHUNK)), size);
    return 0;
  }

  #seal(): void {
    if (this.#length === 0) return;
    this.#sealed ??= [];
    this.#sealed.push(this.#chunk.first(this.#length));
    this.#sealedChunks ??= [];
    this.#sealedChunks.push(this.#chunk);
    this.#use(NOTHING, 0);
  }

  #use(chunk: Chunk, length: number): void {
    this.#chunk = chunk;
    this.buffer = chunk.bytes;
    this.#length = length;
  }
}

const NOTHING = new Chunk(0, null);
/** The list of a write of one piece: most are. The wire reads it at once and keeps none of it. */
const single: Buffer[] = [];

import { type Frame, newFrame, ProtocolFault, Reason, readFrame } from '../codec/index.ts';
import { Tail } from './tail.ts';

/** What is done with the packets that a reader finds. */
export type PacketHandler = {
  /** A fixed header is complete: throws a ProtocolFault for a packet that may not come now, or not so large. */
  readonly checkHeader: (firstByte: number, size: number) => void;
  /** The remaining length at `at` is malformed: finds the packet otherwise. Answers as `readFrame` does. */
  readonly malformedLength: (buffer: Buffer, at: number, limit: number, frame: Frame) => 1 | 0 | -1;
  /** A whole packet, its body at buffer[bodyStart..bodyEnd). Throws a ProtocolFault when it is broken. */
  readonly packet: (buffer: Buffer, at: number, firstByte: number, bodyStart: number, bodyEnd: number) => void;
  /** What comes next: read on, keep the rest for later, or throw it away. */
  readonly next: () => 'read' | 'keep' | 'stop';
};

// One thread, and no packet is looked for within the handling of another.
const frame = newFrame();

/** Cuts the bytes of one connection into packets, however they were split on their way. */
export class PacketReader {
  readonly #handler: PacketHandler;
  readonly #tail = new Tail();

  constructor(handler: PacketHandler) {
    this.#handler = handler;
  }

  /** Bytes that are kept. */
  get kept(): number {
    return this.#tail.length;
  }

  /** Reads chunk[0..length); the chunk is not needed afterwards. Throws what the handler throws. */
  read(chunk: Buffer, length: number): void {
    if (this.#tail.length === 0) {
      this.#cut(chunk, length);
      return;
    }
    this.#tail.append(chunk, 0, length);
    if (this.#tail.promising) this.readKept();
  }

  /** Keeps chunk[0..length) unread. */
  keep(chunk: Buffer, length: number): void {
    this.#tail.append(chunk, 0, length);
  }

  /** Reads what was kept. */
  readKept(): void {
    if (this.#tail.length === 0) return;
    const kept = this.#tail.take();
    this.#cut(kept.buffer, kept.length);
  }

  clear(): void {
    this.#tail.clear();
  }

  #cut(buffer: Buffer, limit: number): void {
    let at = 0;
    while (at < limit) {
      let found = readFrame(buffer, at, limit, frame);
      if (found < 0) found = this.#handler.malformedLength(buffer, at, limit, frame);
      if (found < 0) throw new ProtocolFault(Reason.malformedPacket, 'the remaining length is malformed');
      const size = frame.bodyEnd === 0 ? 0 : frame.bodyEnd - at;
      if (size > 0) this.#handler.checkHeader(frame.firstByte, size);
      if (found === 0) {
        this.#tail.keep(buffer, at, limit, size);
        return;
      }
      const end = frame.bodyEnd;
      this.#handler.packet(buffer, at, frame.firstByte, frame.bodyStart, end);
      at = end;
      const next = this.#handler.next();
      if (next === 'read') continue;
      if (next === 'keep' && at < limit) this.#tail.keep(buffer, at, limit, 0);
      return;
    }
  }
}

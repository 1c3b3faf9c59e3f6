import { type Frame, newFrame, ProtocolFault, Reason, readFrame } from '../codec/index.ts';
import { Tail } from './tail.ts';

/** What is done with the packets that come on one connection. */
export type PacketHandler = {
  /** The unfinished packet at the end of what came, or what is kept unread; null: nothing. Of `readPackets` and its kin. */
  tail: Tail | null;
  /** A fixed header is complete: throws a ProtocolFault for a packet that may not come now, or not so large. */
  readonly checkHeader: (firstByte: number, size: number) => void;
  /** The remaining length at `at` is malformed: finds the packet otherwise. Answers as `readFrame` does. */
  readonly malformedLength: (buffer: Buffer, at: number, limit: number, frame: Frame) => 1 | 0 | -1;
  /** A whole packet, its body at buffer[bodyStart..bodyEnd). Throws a ProtocolFault when it is broken. */
  readonly packet: (buffer: Buffer, at: number, firstByte: number, bodyStart: number, bodyEnd: number) => void;
  /** What comes next: read on, keep the rest for later, also with this packet once more, or throw it away. */
  readonly next: () => 'read' | 'keep' | 'again' | 'stop';
};

// One thread, and no packet is looked for within the handling of another.
const frame = newFrame();

/**
 * Gives the whole packets in chunk[0..length) to their handler, however the bytes were split on their way, and keeps what is
 * unfinished; the chunk is not needed afterwards. Returns whether a packet came: a whole one, or much of a large one.
 * Throws what the handler throws.
 */
export function readPackets(handler: PacketHandler, chunk: Buffer, length: number): boolean {
  const { tail } = handler;
  if (tail === null) return cut(handler, chunk, length);
  tail.append(chunk, 0, length);
  return tail.promising ? readKept(handler) : tail.advanced();
}

/** Keeps chunk[0..length) unread. */
export function keepUnread(handler: PacketHandler, chunk: Buffer, length: number): void {
  if (handler.tail === null) handler.tail = new Tail(chunk, 0, length, 0);
  else handler.tail.append(chunk, 0, length);
}

/** Reads what was kept. Answers as `readPackets` does. */
export function readKept(handler: PacketHandler): boolean {
  const kept = handler.tail;
  if (kept === null) return false;
  handler.tail = null;
  return cut(handler, kept.buffer, kept.length);
}

function cut(handler: PacketHandler, buffer: Buffer, limit: number): boolean {
  let at = 0;
  while (at < limit) {
    let found = readFrame(buffer, at, limit, frame);
    if (found < 0) found = handler.malformedLength(buffer, at, limit, frame);
    if (found < 0) throw new ProtocolFault(Reason.malformedPacket, 'the remaining length is malformed');
    const size = frame.bodyEnd === 0 ? 0 : frame.bodyEnd - at;
    if (size > 0) handler.checkHeader(frame.firstByte, size);
    if (found === 0) {
      const tail = new Tail(buffer, at, limit, size);
      handler.tail = tail;
      return at > 0 || tail.advanced();
    }
    const start = at;
    at = frame.bodyEnd;
    handler.packet(buffer, start, frame.firstByte, frame.bodyStart, at);
    const next = handler.next();
    if (next === 'read') continue;
    if (next === 'again') at = start;
    if (next !== 'stop' && at < limit) handler.tail = new Tail(buffer, at, limit, 0);
    return true;
  }
  return at > 0;
}

import { readVarint, VARINT_MALFORMED, varintLength } from './varint.ts';

/** Where one packet lies in a buffer. Made once a connection and written by readFrame. */
export type Frame = {
  firstByte: number;
  /** The first byte behind the fixed header. */
  bodyStart: number;
  /** Behind the last byte of the packet, also while not all of it is there; 0 until the fixed header is complete. */
  bodyEnd: number;
};

/** A frame to reuse. */
export function newFrame(): Frame {
  return { firstByte: 0, bodyStart: 0, bodyEnd: 0 };
}

/**
 * Finds the packet that starts at `at` within the bytes before `limit`. 1: it is all there. 0: more bytes are needed; once
 * the fixed header is complete frame.bodyEnd says how far the packet goes, so that a size limit can be checked before the
 * bytes come. -1: the remaining length is malformed (a fifth byte, or not the shortest form) [MQTT-1.5.5-1].
 */
export function readFrame(buf: Buffer, at: number, limit: number, frame: Frame): 1 | 0 | -1 {
  frame.bodyEnd = 0;
  if (at >= limit) return 0;
  frame.firstByte = buf[at]!;
  const remaining = readVarint(buf, at + 1, limit);
  if (remaining < 0) return remaining === VARINT_MALFORMED ? -1 : 0;
  frame.bodyStart = at + 1 + varintLength(remaining);
  frame.bodyEnd = frame.bodyStart + remaining;
  return frame.bodyEnd <= limit ? 1 : 0;
}

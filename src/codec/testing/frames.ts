import { newFrame, readFrame } from '../frame.ts';

/** One packet's place in a buffer. */
export type Place = { readonly firstByte: number; readonly start: number; readonly end: number };

/** The place of a packet that is alone in its buffer; fails when the buffer holds less or more. */
export function placeOf(bytes: Buffer): Place {
  const frame = newFrame();
  const found = readFrame(bytes, 0, bytes.length, frame);
  if (found !== 1 || frame.bodyEnd !== bytes.length) {
    throw new Error(`not one packet: readFrame ${found}, end ${frame.bodyEnd} of ${bytes.length}`);
  }
  return { firstByte: frame.firstByte, start: frame.bodyStart, end: frame.bodyEnd };
}

/** Takes chunks as a transport does, keeping the unfinished tail, and calls `onPacket` for each whole packet. */
export function accumulatingReader(onPacket: (buf: Buffer, place: Place) => void): (chunk: Buffer) => void {
  let tail: Buffer = Buffer.alloc(0);
  const frame = newFrame();
  return (chunk) => {
    const bytes = Buffer.concat([tail, chunk]);
    let at = 0;
    for (;;) {
      const found = readFrame(bytes, at, bytes.length, frame);
      if (found < 0) throw new Error('malformed remaining length');
      if (found === 0) break;
      onPacket(bytes, { firstByte: frame.firstByte, start: frame.bodyStart, end: frame.bodyEnd });
      at = frame.bodyEnd;
    }
    tail = bytes.subarray(at);
  };
}

import { newFrame, readFrame } from '../../src/codec/index.ts';
import { packet } from '../conformance/packets.ts';
import type { Random } from './random.ts';

/** Values that a length or an identifier of two bytes is wrong with, or just not yet. */
const EDGES_16 = [0, 1, 2, 127, 128, 255, 256, 32_767, 65_534, 65_535];

/**
 * Changes a sequence of whole packets by what they are made of: bytes of a body under a length that is right again, a length
 * that lies about its body, a two-byte field, the first byte, the order. So what is wrong lies deep, and what follows it in
 * the stream is still in step, which a change of any byte seldom leaves so.
 */
export function mutateFrames(random: Random, packets: readonly Buffer[]): Buffer {
  const frames = packets.map((bytes) => bytes);
  for (let n = 1 + random.below(4); n > 0; n--) {
    const at = random.below(frames.length);
    const frame = frames[at];
    if (frame === undefined) break;
    switch (random.below(8)) {
      case 0:
        frames.splice(at, 1);
        break;
      case 1:
        frames.splice(random.below(frames.length + 1), 0, frame);
        break;
      case 2:
        frames.push(...frames.splice(at, 1));
        break;
      case 3:
        frames[at] = Buffer.concat([Buffer.of((frame[0] ?? 0) ^ (1 << random.below(8))), frame.subarray(1)]);
        break;
      case 4:
        frames[at] = lie(random, frame);
        break;
      default:
        frames[at] = withBody(frame, (body) => changeBody(random, body));
    }
  }
  return Buffer.concat(frames);
}

function withBody(frame: Buffer, change: (body: Buffer) => Buffer): Buffer {
  const found = newFrame();
  if (readFrame(frame, 0, frame.length, found) !== 1) return frame;
  return packet(found.firstByte, change(frame.subarray(found.bodyStart, found.bodyEnd)));
}

/** A length that says more or less than there is; what follows is then read as part of it, or its rest as a packet. */
function lie(random: Random, frame: Buffer): Buffer {
  const changed = Buffer.from(frame);
  const length = changed[1] ?? 0;
  const lies = [length - 1, length + 1, length - 2, length + 2, 0, 127, length | 0x80];
  if (changed.length > 1) changed[1] = random.pick(lies) & 0xff;
  return changed;
}

function changeBody(random: Random, body: Buffer): Buffer {
  const at = random.below(body.length + 1);
  const changed = Buffer.from(body);
  switch (random.below(4)) {
    case 0: // a two-byte length or identifier
      if (at + 2 <= changed.length)
        changed.writeUInt16BE(random.pick([...EDGES_16, body.length, body.length - 2]) & 0xffff, at);
      return changed;
    case 1:
      if (at < changed.length) changed[at] = random.below(256);
      return changed;
    case 2:
      return Buffer.concat([body.subarray(0, at), body.subarray(at + 1 + random.below(4))]);
    default:
      return Buffer.concat([body.subarray(0, at), random.bytes(1 + random.below(4)), body.subarray(at)]);
  }
}

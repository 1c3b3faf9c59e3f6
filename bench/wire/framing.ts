/** Takes one whole packet: its first byte, and where its variable header begins and the packet ends in `buffer`. */
export type PacketHandler = (first: number, buffer: Uint8Array, start: number, end: number) => void;

/** Cuts a stream of bytes into packets; keeps only an unfinished tail, copied, because `buffer` is shared by all sockets. */
export type Framing = { tail: Uint8Array | null };

export function createFraming(): Framing {
  return { tail: null };
}

/** Hands every whole packet of `buffer[0..length)` to `handle`. Throws on a malformed remaining length. */
export function feed(framing: Framing, buffer: Uint8Array, length: number, handle: PacketHandler): void {
  let bytes = buffer;
  let end = length;
  if (framing.tail !== null) {
    bytes = Buffer.concat([framing.tail, buffer.subarray(0, length)]);
    end = bytes.length;
    framing.tail = null;
  }
  let at = 0;
  while (at < end) {
    let cursor = at + 1;
    let remaining = 0;
    let scale = 1;
    let digit = 0x80;
    while (digit >= 0x80 && cursor < end) {
      if (cursor - at > 4) throw new Error('remaining length of more than four bytes');
      digit = bytes[cursor]!;
      remaining += (digit & 0x7f) * scale;
      scale *= 128;
      cursor += 1;
    }
    if (digit >= 0x80 || cursor + remaining > end) break;
    handle(bytes[at]!, bytes, cursor, cursor + remaining);
    at = cursor + remaining;
  }
  if (at < end) framing.tail = Uint8Array.prototype.slice.call(bytes, at, end);
}

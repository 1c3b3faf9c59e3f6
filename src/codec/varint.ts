/** The largest value of a variable byte integer (MQTT 1.5.5), and so of a remaining length. */
export const MAX_VARINT = 268_435_455;

/** Bytes of a variable byte integer, 1 to 4. Values above MAX_VARINT have no form; the caller keeps them away. */
export function varintLength(value: number): 1 | 2 | 3 | 4 {
  if (value < 0x80) return 1;
  if (value < 0x4000) return 2;
  return value < 0x20_0000 ? 3 : 4;
}

/** Writes a variable byte integer of 0 to MAX_VARINT in its shortest form [MQTT-1.5.5-1]; returns the offset behind it. */
export function writeVarint(buf: Buffer, at: number, value: number): number {
  let rest = value;
  let next = at;
  while (rest > 0x7f) {
    buf[next++] = (rest & 0x7f) | 0x80;
    rest >>>= 7;
  }
  buf[next++] = rest;
  return next;
}

/** readVarint: the bytes end before the number does. */
export const VARINT_UNFINISHED = -1;
/** readVarint: a fifth byte, or a longer form than the value needs. */
export const VARINT_MALFORMED = -2;

/**
 * The variable byte integer at `at`, or VARINT_UNFINISHED or VARINT_MALFORMED (both negative). Only the shortest form is
 * taken [MQTT-1.5.5-1], so what follows starts at `at + varintLength(value)`.
 */
export function readVarint(buf: Buffer, at: number, limit: number): number {
  if (at >= limit) return VARINT_UNFINISHED;
  let byte = buf[at]!;
  if (byte < 0x80) return byte;
  let value = byte & 0x7f;
  let shift = 7;
  for (let next = at + 1; shift < 28; next++, shift += 7) {
    if (next >= limit) return VARINT_UNFINISHED;
    byte = buf[next]!;
    value |= (byte & 0x7f) << shift;
    if (byte < 0x80) return byte === 0 ? VARINT_MALFORMED : value;
  }
  return VARINT_MALFORMED;
}

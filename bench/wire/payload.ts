import { getEight, putEight } from './digits.ts';

/*
 * What every message of the load carries, as a small device would send it, so that a recording broker has real work:
 *
 *   {"n":1000000700000042,"sent":1000000123456789}<spaces up to the size asked for>
 *         PPPPPPPSSSSSSSS         TTTTTTTTTTTTTTT
 *
 * P publisher (7 digits), S sequence number (8 digits), T monotonic microseconds; a leading 1 keeps the numbers JSON and
 * below 2^53. Both ends know the offsets, so the digits are patched in place and nothing is parsed.
 */
const HEAD = '{"n":1';
const MIDDLE = ',"sent":1';
const PUBLISHER_AT = HEAD.length;
const SEQUENCE_AT = PUBLISHER_AT + 7;
const SENT_AT = SEQUENCE_AT + 8 + MIDDLE.length;
const STAMP_BYTES = 15;

/** The least size of a payload in bytes. */
export const MIN_PAYLOAD = SENT_AT + STAMP_BYTES + 1;

/** Sequence numbers are below this, so a publisher can send 100 million messages in one run. */
export const MAX_SEQUENCE = 10 ** 8;

/** The payload of one publisher with sequence and time still zero. Throws when `size` is too small. */
export function blankPayload(publisher: number, size: number): Uint8Array {
  if (size < MIN_PAYLOAD) throw new Error(`payloads have at least ${MIN_PAYLOAD} bytes, asked for ${size}`);
  const id = String(publisher).padStart(7, '0');
  return Buffer.from(`${HEAD}${id}${'0'.repeat(8)}${MIDDLE}${'0'.repeat(STAMP_BYTES)}}`.padEnd(size, ' '), 'latin1');
}

/** Puts the sequence number into the payload that starts at `at`. */
export function putSequence(buffer: Uint8Array, at: number, sequence: number): void {
  putEight(buffer, at + SEQUENCE_AT, sequence);
}

/** Puts the time of sending (monotonic µs) into the payload that starts at `at`. */
export function putSent(buffer: Uint8Array, at: number, micros: number): void {
  const high = Math.floor(micros / 10 ** 8);
  putEight(buffer, at + SENT_AT + 7, micros - high * 10 ** 8);
  putSeven(buffer, at + SENT_AT, high);
}

/** Copies the time of sending from one payload to another in the same buffer. */
export function copySent(buffer: Uint8Array, from: number, to: number): void {
  for (let i = SENT_AT; i < SENT_AT + STAMP_BYTES; i += 1) buffer[to + i] = buffer[from + i]!;
}

/** Publisher id of the payload at `at`; NaN when it is not one of ours. */
export function getPublisher(buffer: Uint8Array, at: number): number {
  return getSeven(buffer, at + PUBLISHER_AT);
}

/** Sequence number of the payload at `at`; NaN when it is not one of ours. */
export function getSequence(buffer: Uint8Array, at: number): number {
  return getEight(buffer, at + SEQUENCE_AT);
}

/** Time of sending of the payload at `at` in monotonic µs. */
export function getSent(buffer: Uint8Array, at: number): number {
  return getSeven(buffer, at + SENT_AT) * 10 ** 8 + getEight(buffer, at + SENT_AT + 7);
}

function putSeven(into: Uint8Array, at: number, value: number): void {
  let rest = value;
  for (let i = at + 6; i >= at; i -= 1) {
    into[i] = 48 + (rest % 10);
    rest = Math.floor(rest / 10);
  }
}

function getSeven(from: Uint8Array, at: number): number {
  let value = 0;
  for (let i = at; i < at + 7; i += 1) {
    const digit = from[i]! - 48;
    if (digit < 0 || digit > 9) return Number.NaN;
    value = value * 10 + digit;
  }
  return value;
}

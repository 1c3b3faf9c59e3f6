import { MAX_VARINT, varintLength, writeVarint } from './varint.ts';

const FIRST_SIZE = 128;
const MAX_FIELD_BYTES = 65_535;

/**
 * A growing buffer for the body of one rare packet. A value that its field cannot hold is the caller's mistake and a
 * RangeError that names the field; nothing is ever cut or replaced silently.
 */
export class Writer {
  /** What the errors begin with, such as `CONNECT`. */
  readonly packet: string;
  private buf: Buffer;
  private at: number;

  constructor(packet: string) {
    this.packet = packet;
    this.buf = Buffer.allocUnsafe(FIRST_SIZE);
    this.at = 0;
  }

  u8(value: number, field: string): void {
    this.check(value, 0xff, field);
    this.reserve(1);
    this.buf[this.at++] = value;
  }

  bit(value: number, field: string): void {
    this.check(value, 1, field);
    this.u8(value, field);
  }

  u16(value: number, field: string): void {
    this.check(value, 0xffff, field);
    this.reserve(2);
    this.at = this.buf.writeUInt16BE(value, this.at);
  }

  u32(value: number, field: string): void {
    this.check(value, 0xffff_ffff, field);
    this.reserve(4);
    this.at = this.buf.writeUInt32BE(value, this.at);
  }

  varint(value: number, field: string): void {
    this.check(value, MAX_VARINT, field);
    this.reserve(4);
    this.at = writeVarint(this.buf, this.at, value);
  }

  utf8(text: string, field: string): void {
    if (!isSendable(text)) throw this.refusal(`${field} holds U+0000 or half a surrogate pair`);
    const length = Buffer.byteLength(text);
    if (length > MAX_FIELD_BYTES) throw this.refusal(`${field} is longer than 65,535 bytes`);
    this.u16(length, field);
    this.reserve(length);
    this.at += this.buf.write(text, this.at, length, 'utf8');
  }

  /** Binary data behind its two length bytes. */
  binary(data: Buffer, field: string): void {
    if (data.length > MAX_FIELD_BYTES) throw this.refusal(`${field} is longer than 65,535 bytes`);
    this.u16(data.length, field);
    this.bytes(data);
  }

  bytes(data: Buffer): void {
    this.reserve(data.length);
    this.at += data.copy(this.buf, this.at);
  }

  /** The whole packet: first byte, remaining length and what was written. */
  packetWith(firstByte: number): Buffer {
    return this.behind(Buffer.of(firstByte));
  }

  /** What was written, behind its length as a variable byte integer. */
  block(): Buffer {
    return this.behind(Buffer.alloc(0));
  }

  /** What was written, as a view that the next write may leave behind. */
  written(): Buffer {
    return this.buf.subarray(0, this.at);
  }

  refusal(text: string): RangeError {
    return new RangeError(`${this.packet}: ${text}`);
  }

  private behind(head: Buffer): Buffer {
    this.check(this.at, MAX_VARINT, 'the length');
    const whole = Buffer.allocUnsafe(head.length + varintLength(this.at) + this.at);
    const start = writeVarint(whole, head.copy(whole), this.at);
    this.buf.copy(whole, start, 0, this.at);
    return whole;
  }

  private check(value: number, max: number, field: string): void {
    if (Number.isInteger(value) && value >= 0 && value <= max) return;
    throw this.refusal(`${field} is ${value} and not a whole number from 0 to ${max}`);
  }

  private reserve(length: number): void {
    const needed = this.at + length;
    if (needed <= this.buf.length) return;
    const larger = Buffer.allocUnsafe(Math.max(needed, this.buf.length * 2));
    this.buf.copy(larger, 0, 0, this.at);
    this.buf = larger;
  }
}

/** Whether the text has a UTF-8 form that MQTT allows [MQTT-1.5.4-1, MQTT-1.5.4-2]: no U+0000, no lone surrogate. */
function isSendable(text: string): boolean {
  for (let i = 0; i < text.length; i++) {
    const unit = text.charCodeAt(i);
    if (unit === 0) return false;
    if (unit < 0xd800 || unit > 0xdfff) continue;
    const next = text.charCodeAt(i + 1);
    if (unit > 0xdbff || !(next >= 0xdc00 && next <= 0xdfff)) return false;
    i += 1;
  }
  return true;
}

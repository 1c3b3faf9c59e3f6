import { malformed } from './protocol-fault.ts';
import { readUtf8 } from './utf8.ts';
import { readVarint, VARINT_UNFINISHED, varintLength } from './varint.ts';

/**
 * A cursor over the body of one rare packet. Each read checks that the field lies within the body and names it in the
 * ProtocolFault when it does not.
 */
export class Reader {
  readonly buf: Buffer;
  readonly end: number;
  /** What the faults begin with, such as `CONNECT`. */
  readonly packet: string;
  at: number;

  constructor(buf: Buffer, start: number, end: number, packet: string) {
    this.buf = buf;
    this.at = start;
    this.end = end;
    this.packet = packet;
  }

  get left(): number {
    return this.end - this.at;
  }

  u8(field: string): number {
    return this.buf[this.take(1, field)]!;
  }

  u16(field: string): number {
    return this.buf.readUInt16BE(this.take(2, field));
  }

  u32(field: string): number {
    return this.buf.readUInt32BE(this.take(4, field));
  }

  varint(field: string): number {
    const value = readVarint(this.buf, this.at, this.end);
    if (value === VARINT_UNFINISHED) throw this.endsWithin(field);
    if (value < 0) throw this.fault(`${field} is not a variable byte integer in its shortest form [MQTT-1.5.5-1]`);
    this.at += varintLength(value);
    return value;
  }

  utf8(field: string): string {
    const length = this.u16(field);
    const start = this.take(length, field);
    const text = readUtf8(this.buf, start, start + length);
    if (text === null) throw this.fault(`${field} is not UTF-8 or holds U+0000 [MQTT-1.5.4-1] [MQTT-1.5.4-2]`);
    return text;
  }

  /** Binary data with its two length bytes, as a copy: a slice would keep the whole chunk in memory. */
  binary(field: string): Buffer {
    const length = this.u16(field);
    return this.bytes(length, field);
  }

  bytes(length: number, field: string): Buffer {
    const start = this.take(length, field);
    return copyOf(this.buf, start, start + length);
  }

  /** Refuses bytes behind the last field. */
  finish(): void {
    if (this.left !== 0) throw this.fault(`${this.left} bytes behind its last field`);
  }

  fault(text: string): Error {
    return malformed(`${this.packet}: ${text}`);
  }

  /** Moves over `length` bytes and returns where they start. */
  private take(length: number, field: string): number {
    const start = this.at;
    if (length > this.end - start) throw this.endsWithin(field);
    this.at = start + length;
    return start;
  }

  private endsWithin(field: string): Error {
    return this.fault(`the packet ends within ${field}`);
  }
}

/** A copy that shares memory with nothing, not even with Node's pool, since it may be kept for long. */
export function copyOf(buf: Buffer, start: number, end: number): Buffer {
  const copy = Buffer.allocUnsafeSlow(end - start);
  buf.copy(copy, 0, start, end);
  return copy;
}

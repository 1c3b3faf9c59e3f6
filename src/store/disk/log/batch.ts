import { crc32c } from '../crc32c.ts';
import { RECORD_HEADER, type RecordKind, recordBytes } from './layout.ts';
import type { SegmentHeader } from './segment-header.ts';

const FIRST_BYTES = 64 * 1024;

/**
 * A stretch of the log that is to be written at once: records one behind the other, as they will lie in their segment.
 * Grows as needed; used again after it was written.
 */
export class Batch {
  /** The segment that it goes to, and where in it. */
  sequence = 0;
  offset = 0;
  bytes: Buffer = Buffer.allocUnsafeSlow(FIRST_BYTES);
  length = 0;
  #seed = 0;

  /** `seed`: see `seedOf`. */
  begin(sequence: number, offset: number, seed: number): void {
    this.sequence = sequence;
    this.offset = offset;
    this.length = 0;
    this.#seed = seed;
  }

  /** Makes room for a record with a body of so many bytes; the body begins at the result in `bytes`, for the caller to fill. */
  open(kind: RecordKind, number: number, bodyBytes: number): number {
    const at = this.length;
    const size = recordBytes(bodyBytes);
    if (at + size > this.bytes.length) this.#grow(at + size);
    const { bytes } = this;
    bytes.writeUInt32LE(bodyBytes, at);
    bytes[at + 8] = kind;
    writeNumber(bytes, at + 9, number);
    bytes.fill(0, at + RECORD_HEADER + bodyBytes, at + size);
    this.length = at + size;
    return at + RECORD_HEADER;
  }

  /** The body that `open` made room for is there: sums it up. Returns the record's offset in its segment. */
  close(bodyAt: number, bodyBytes: number): number {
    const at = bodyAt - RECORD_HEADER;
    this.bytes.writeUInt32LE(recordSum(this.bytes, at, bodyBytes, this.#seed), at + 4);
    return this.offset + at;
  }

  #grow(wanted: number): void {
    const bytes = Buffer.allocUnsafeSlow(Math.max(wanted, this.bytes.length * 2));
    this.bytes.copy(bytes, 0, 0, this.length);
    this.bytes = bytes;
  }
}

/** The checksum that those of all records of a segment begin with. */
export function seedOf({ sequence, salt }: Pick<SegmentHeader, 'sequence' | 'salt'>): number {
  const bytes = Buffer.alloc(8);
  bytes.writeUInt32LE(sequence >>> 0);
  bytes.writeUInt32LE(salt, 4);
  return crc32c(bytes, 0, salt === 0 ? 4 : 8);
}

/** Checksum of the record at `at`: its length, what is behind the checksum's own place, and the body. */
export function recordSum(bytes: Uint8Array, at: number, bodyBytes: number, seed: number): number {
  return crc32c(bytes, at + 8, at + RECORD_HEADER + bodyBytes, crc32c(bytes, at, at + 4, seed));
}

/** Seven bytes: as much as a double counts exactly. */
function writeNumber(bytes: Buffer, at: number, number: number): void {
  bytes.writeUInt32LE(number % 0x1_0000_0000, at);
  bytes.writeUIntLE(Math.floor(number / 0x1_0000_0000), at + 4, 3);
}

export function readNumber(bytes: Buffer, at: number): number {
  return bytes.readUInt32LE(at) + bytes.readUIntLE(at + 4, 3) * 0x1_0000_0000;
}

import { crc32c } from '../crc32c.ts';
import { FIRST_RECORD, MAGIC, VERSION } from './layout.ts';

/** What a segment says of itself. */
export type SegmentHeader = {
  readonly sequence: number;
  /** With which the checksums of its records begin: `saltOf` the incarnation that wrote them; 0 in version 1. A copy keeps it. */
  readonly salt: number;
  /** A UUID. */
  readonly incarnation: string;
  /** The number that the next message will have at least. */
  readonly nextNumber: number;
  readonly bytes: number;
  /** Sonde was started anew: what was unfinished in the segment before is void. */
  readonly anew: boolean;
  /** When `anew`: where the last whole batch of the segment before ended; all before that was good. Else 0. */
  readonly beforeEnd: number;
};

const HEADER_BYTES = 64;

/**
 * 32 bits of an incarnation, which no client knows: without them a payload could hold records with right checksums, to be taken for
 * some when the one around it is damaged.
 */
export function saltOf(incarnation: string): number {
  return Number.parseInt(incarnation.slice(0, 8), 16);
}

/** Of the version, and of all behind the checksum. */
function headerSum(block: Uint8Array): number {
  return crc32c(block, 16, HEADER_BYTES, crc32c(block, 8, 12));
}

/** The whole first block of a segment. */
export function encodeHeader(header: SegmentHeader): Buffer {
  const block = Buffer.alloc(FIRST_RECORD);
  MAGIC.copy(block);
  block.writeUInt32LE(VERSION, 8);
  block.writeUInt32LE(header.sequence, 16);
  block.writeUInt32LE(header.salt, 20);
  Buffer.from(header.incarnation.replaceAll('-', ''), 'hex').copy(block, 24);
  block.writeDoubleLE(header.nextNumber, 40);
  block.writeDoubleLE(header.bytes, 48);
  block.writeUInt32LE(header.anew ? 1 : 0, 56);
  block.writeUInt32LE(header.beforeEnd, 60);
  sealHeader(block);
  return block;
}

/** Writes the checksum into a header. */
export function sealHeader(block: Buffer): void {
  block.writeUInt32LE(headerSum(block), 12);
}

/** Null: this is no header, or a damaged one. A number: a version that this Sonde does not know. */
export function decodeHeader(block: Buffer): SegmentHeader | number | null {
  if (block.length < HEADER_BYTES || !block.subarray(0, MAGIC.length).equals(MAGIC)) return null;
  if (block.readUInt32LE(12) !== headerSum(block)) return null;
  const version = block.readUInt32LE(8);
  if (version !== VERSION && version !== 1) return version;
  const uuid = block.toString('hex', 24, 40);
  return {
    sequence: block.readUInt32LE(16),
    salt: block.readUInt32LE(20),
    incarnation: [8, 12, 16, 20, 32].map((end, i, ends) => uuid.slice(ends[i - 1] ?? 0, end)).join('-'),
    nextNumber: block.readDoubleLE(40),
    bytes: block.readDoubleLE(48),
    anew: block.readUInt32LE(56) === 1,
    beforeEnd: block.readUInt32LE(60),
  };
}

/*
 * What Sonde has to know of a DuckDB file's bytes:
 *
 *     0      4096  main header
 *     4096   4096  database header   0  8  checksum   8  8  iteration   ...   40  8  size of a block
 *     8192   4096  database header   the one with the higher iteration counts; a checkpoint writes the other one
 *     12288        blocks            each with its checksum in the first 8 bytes
 */
const HEADER_BYTES = 4096;
/** All that is before the blocks. */
export const HEADERS_BYTES = 3 * HEADER_BYTES;
const MAGIC = Buffer.from('DUCK');
const MAGIC_AT = 8;
const SLOTS = [1, 2] as const;

/** The database header that counts. */
export type ActiveHeader = {
  readonly iteration: bigint;
  readonly blockBytes: number;
  /** All of it. */
  readonly bytes: Buffer;
  /** Where it is. */
  readonly at: number;
};

/** The header that counts, of the first bytes of a file; null: these are none of DuckDB's, or both headers are torn. */
export function activeHeader(headers: Buffer): ActiveHeader | null {
  if (!headers.subarray(MAGIC_AT, MAGIC_AT + MAGIC.length).equals(MAGIC)) return null;
  let active: ActiveHeader | null = null;
  for (const slot of SLOTS) {
    const at = slot * HEADER_BYTES;
    const bytes = headers.subarray(at, at + HEADER_BYTES);
    if (!isWhole(bytes)) continue;
    const iteration = bytes.readBigUInt64LE(8);
    if (active !== null && active.iteration >= iteration) continue;
    active = { iteration, blockBytes: Number(bytes.readBigUInt64LE(40)), bytes, at };
  }
  return active;
}

/** Where a block begins. */
export function placeOf(block: number, blockBytes: number): number {
  return HEADERS_BYTES + block * blockBytes;
}

/** Whether the checksum of a header or a block is that of its bytes. Its length is a multiple of 8. */
export function isWhole(bytes: Buffer): boolean {
  let sum = 5381n;
  for (let at = 8; at + 8 <= bytes.length; at += 8) {
    sum ^= BigInt.asUintN(64, bytes.readBigUInt64LE(at) * 0xbf58476d1ce4e5b9n);
  }
  return sum === bytes.readBigUInt64LE(0);
}

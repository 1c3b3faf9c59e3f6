import type { Place } from '../log/layout.ts';

/**
 * What the table says of the log that it follows, written with each group of changes. With it a start sees a log that has
 * lost its beginning or its end, and a table that is older than its log.
 */
export type Stamp = {
  /** The table has all changes of segments before this one. */
  readonly has: number;
  /** This segment and all after it are still wanted: none before it has to be there. */
  readonly needs: number;
  /** The log was synced up to here at least. */
  readonly synced: Place;
  /** The number that the next message would have had. */
  readonly nextNumber: number;
};

/** Its name in LMDB, and its key. */
export const STAMP_TABLE = 'stamp';
export const STAMP_KEY = 'log';
/** The other key: what FORMAT says of the store's origins, once more. */
export const ORIGINS_KEY = 'origins';

export function encodeStamp({ has, needs, synced, nextNumber }: Stamp): Buffer {
  const bytes = Buffer.alloc(24);
  bytes.writeUInt32LE(has, 0);
  bytes.writeUInt32LE(needs, 4);
  bytes.writeUInt32LE(synced.sequence, 8);
  bytes.writeUInt32LE(synced.offset, 12);
  bytes.writeDoubleLE(nextNumber, 16);
  return bytes;
}

export function decodeStamp(bytes: Buffer): Stamp | null {
  if (bytes.length !== 24) return null;
  return {
    has: bytes.readUInt32LE(0),
    needs: bytes.readUInt32LE(4),
    synced: { sequence: bytes.readUInt32LE(8), offset: bytes.readUInt32LE(12) },
    nextNumber: bytes.readDoubleLE(16),
  };
}

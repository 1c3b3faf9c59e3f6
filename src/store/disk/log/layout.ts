import type { TableName } from '../../port.ts';

/** The shape of segments and records; drawn in docs/storage.md. */
export const MAGIC = Buffer.from('SONDELOG');
/** Of a segment. Version 1 had no salt: its place was zero, which `seedOf` heeds, so that it is read as it is. */
export const VERSION = 2;
/** Records begin here. */
export const FIRST_RECORD = 4096;
export const SEGMENT_BYTES = 16 * 1024 * 1024;
export const RECORD_HEADER = 16;
/** Of a change of the table before its key. */
export const CHANGE_HEAD = 8;

export const RecordKind = {
  message: 1,
  acks: 2,
  ackThrough: 3,
  put: 4,
  remove: 5,
  batchEnd: 6,
  segmentEnd: 7,
  sent: 8,
} as const;
export type RecordKind = (typeof RecordKind)[keyof typeof RecordKind];

/** A record of this body takes so many bytes. */
export function recordBytes(bodyBytes: number): number {
  return (RECORD_HEADER + bodyBytes + 7) & ~7;
}

/** Where a record lies: its segment's sequence and its offset there. */
export type Place = { readonly sequence: number; readonly offset: number };

/** Tables as they are numbered in the log. `queue`: name -> id. */
export const TABLES: readonly (TableName | 'queue')[] = ['queue', 'session', 'subscription', 'retained', 'exchange'];

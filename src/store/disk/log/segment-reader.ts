import { crc32c } from '../crc32c.ts';
import { readNumber, recordSum } from './batch.ts';
import { FIRST_RECORD, RecordKind as Kinds, RECORD_HEADER, type RecordKind, recordBytes } from './layout.ts';
import { SpanSums } from './span-sums.ts';

/** Sees the records of a segment in their order. `bodyAt`: where the body begins in `bytes`. */
export type OnRecord = (
  kind: RecordKind,
  number: number,
  bytes: Buffer,
  bodyAt: number,
  bodyBytes: number,
  offset: number,
) => void;

/** How reading a segment ended. */
export type SegmentEnd = {
  /** It has its own end: the log goes on in the next one. */
  readonly whole: boolean;
  /** Where no more records were found. */
  readonly end: number;
  /** Broken stretches between good records. */
  readonly gaps: readonly { readonly from: number; readonly to: number }[];
};

/** Reads a whole segment, `bytes` being all of its file, `seed` its `seedOf`. Goes on behind broken records as far as there are good ones. */
export function readSegment(bytes: Buffer, seed: number, onRecord: OnRecord): SegmentEnd {
  const gaps: { from: number; to: number }[] = [];
  let at = FIRST_RECORD;
  for (;;) {
    const bodyBytes = goodBody(bytes, at, seed);
    if (bodyBytes < 0) {
      const next = nextGood(bytes, at + 8, seed);
      if (next < 0) return { whole: false, end: at, gaps };
      gaps.push({ from: at, to: next });
      at = next;
      continue;
    }
    const kind = bytes[at + 8] as RecordKind;
    const bodyAt = at + RECORD_HEADER;
    if (kind === Kinds.segmentEnd) return { whole: true, end: at + recordBytes(bodyBytes), gaps };
    onRecord(kind, readNumber(bytes, at + 9), bytes, bodyAt, bodyBytes, at);
    at += recordBytes(bodyBytes);
  }
}

/** Length of the body of the record at `at`, or -1 when there is no good one. */
export function goodBody(bytes: Buffer, at: number, seed: number): number {
  const bodyBytes = likelyBody(bytes, at);
  if (bodyBytes < 0) return -1;
  return bytes.readUInt32LE(at + 4) === recordSum(bytes, at, bodyBytes, seed) ? bodyBytes : -1;
}

/** What could be the length of a body, or -1. */
function likelyBody(bytes: Buffer, at: number): number {
  if (at + RECORD_HEADER > bytes.length) return -1;
  const bodyBytes = bytes.readUInt32LE(at);
  if (bodyBytes === 0 || at + RECORD_HEADER + bodyBytes > bytes.length) return -1;
  const kind = bytes[at + 8] as number;
  return kind < Kinds.message || kind > Kinds.sent ? -1 : bodyBytes;
}

/** The next good record from `from` on, or -1. What lies there may be made by a publisher: each place costs the same. */
export function nextGood(bytes: Buffer, from: number, seed: number): number {
  let sums: SpanSums | null = null;
  for (let at = from; at + RECORD_HEADER <= bytes.length; at += 8) {
    const bodyBytes = likelyBody(bytes, at);
    if (bodyBytes < 0) continue;
    sums ??= new SpanSums(bytes, at);
    const sum = sums.sum(at + 8, at + RECORD_HEADER + bodyBytes, crc32c(bytes, at, at + 4, seed));
    if (bytes.readUInt32LE(at + 4) === sum) return at;
  }
  return -1;
}

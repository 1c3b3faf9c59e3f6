import { expect, it } from 'vitest';
import { Batch } from './batch.ts';
import { FIRST_RECORD, RECORD_HEADER, RecordKind } from './layout.ts';
import { readSegment } from './segment-reader.ts';

const SEQUENCE = 7;
const MEBIBYTE = 1024 * 1024;

/** What a publisher may send: at each eighth byte what could be the beginning of a record of a mebibyte. */
function likeRecords(bytes: number): Buffer {
  const payload = Buffer.alloc(bytes);
  for (let at = 0; at < bytes; at += 8) payload.writeUInt32LE(MEBIBYTE + RecordKind.message, at);
  return payload;
}

/** A segment with a record for each body; where each begins. */
function segmentOf(bodies: readonly Buffer[]): { readonly bytes: Buffer; readonly offsets: readonly number[] } {
  const batch = new Batch();
  batch.begin(SEQUENCE, FIRST_RECORD);
  const offsets = bodies.map((body, number) => {
    const bodyAt = batch.open(RecordKind.message, number, body.length);
    body.copy(batch.bytes, bodyAt);
    return batch.close(bodyAt, body.length);
  });
  return { bytes: Buffer.concat([Buffer.alloc(FIRST_RECORD), batch.bytes.subarray(0, batch.length)]), offsets };
}

it('finds what is good behind what is broken, at a cost that a publisher cannot raise', { timeout: 10_000 }, () => {
  // Summing up each of these anew would be 400,000 times a mebibyte.
  const { bytes, offsets } = segmentOf([
    Buffer.from('one'),
    likeRecords(3 * MEBIBYTE),
    Buffer.from('three'),
    likeRecords(2 * MEBIBYTE),
  ]);
  const [, broken, good, last] = offsets as [number, number, number, number];
  bytes[broken + RECORD_HEADER]! ^= 1;
  bytes[last + RECORD_HEADER]! ^= 1;
  const seen: number[] = [];
  const end = readSegment(bytes, SEQUENCE, (_, number) => seen.push(number));
  expect(seen).toEqual([0, 2]);
  expect(end.gaps).toEqual([{ from: broken, to: good }]);
  expect(end).toMatchObject({ whole: false, end: last });
});

import { expect, it } from 'vitest';
import { Batch, seedOf } from './batch.ts';
import { FIRST_RECORD, RECORD_HEADER, RecordKind } from './layout.ts';
import { readSegment } from './segment-reader.ts';

const HEADER = { sequence: 7, salt: 0x5a17_0001 };
const MEBIBYTE = 1024 * 1024;

/** What a publisher may send: at each eighth byte what could be the beginning of a record of a mebibyte. */
function likeRecords(bytes: number): Buffer {
  const payload = Buffer.alloc(bytes);
  for (let at = 0; at < bytes; at += 8) payload.writeUInt32LE(MEBIBYTE + RecordKind.message, at);
  return payload;
}

/** A segment with a record for each body; where each begins. */
function segmentOf(
  bodies: readonly Buffer[],
  header = HEADER,
): { readonly bytes: Buffer; readonly offsets: readonly number[] } {
  const batch = new Batch();
  batch.begin(header.sequence, FIRST_RECORD, seedOf(header));
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
  const end = readSegment(bytes, seedOf(HEADER), (_, number) => seen.push(number));
  expect(seen).toEqual([0, 2]);
  expect(end.gaps).toEqual([{ from: broken, to: good }]);
  expect(end).toMatchObject({ whole: false, end: last });
});

it('takes no record out of the payload of a broken one: its writer does not know the salt', () => {
  const forged = segmentOf([Buffer.from('I am a record')], { ...HEADER, salt: 0 }).bytes.subarray(FIRST_RECORD);
  const { bytes, offsets } = segmentOf([forged, Buffer.from('two')]);
  bytes[offsets[0] as number]! ^= 1;
  const seen: number[] = [];
  readSegment(bytes, seedOf(HEADER), (_, number) => seen.push(number));
  expect(seen).toEqual([1]);
  // With it, it would be one.
  const known = segmentOf([segmentOf([Buffer.from('I am a record')]).bytes.subarray(FIRST_RECORD)]);
  known.bytes[known.offsets[0] as number]! ^= 1;
  const end = readSegment(known.bytes, seedOf(HEADER), () => seen.push(-1));
  expect(end.gaps).toHaveLength(1);
  expect(seen).toEqual([1, -1]);
});

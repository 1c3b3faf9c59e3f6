import { systemCode } from '../../../base/index.ts';
import { decodeMessage } from '../../message-bytes.ts';
import type { QueueEntry, QueueId } from '../../port.ts';
import type { DiskLog } from './disk-log.ts';
import { type Place, RECORD_HEADER, recordBytes } from './layout.ts';
import { readTarget } from './message-record.ts';
import type { SegmentFile } from './segment-files.ts';
import { goodBody } from './segment-reader.ts';

type NumberedPlace = Place & { readonly number: number };

/** Neighbours that are so near are read together. */
const GAP_BYTES = 16 * 1024;
const RUN_BYTES = 1024 * 1024;
/** Read with the first record of a run: most messages are shorter. */
const AHEAD_BYTES = 4096;

/** Called for an entry whose record cannot be read. */
export type OnBroken = (place: NumberedPlace, why: string) => void;

/** Reads entries from memory, where they have not been written yet, or from their segments. Broken ones are left out. */
export async function readEntries(
  log: DiskLog,
  queue: QueueId,
  places: readonly NumberedPlace[],
  broken: OnBroken,
): Promise<QueueEntry[]> {
  const entries: QueueEntry[] = [];
  const take = (place: NumberedPlace, bytes: Buffer, at: number): void => {
    const entry = entryAt(log, queue, place, bytes, at);
    if (typeof entry === 'string') broken(place, entry);
    else entries.push(entry);
  };
  for (let i = 0; i < places.length; ) {
    const place = places[i] as NumberedPlace;
    const held = log.writer.inMemory(place.sequence, place.offset);
    if (held !== null) {
      take(place, held.bytes, held.at);
      i += 1;
      continue;
    }
    let end = i + 1;
    while (
      end < places.length &&
      isNear(places[end - 1] as Place, places[end] as Place, place) &&
      isWritten(log, places[end] as Place)
    )
      end += 1;
    await readRun(log, places.slice(i, end), take, broken);
    i = end;
  }
  return entries;
}

function isWritten(log: DiskLog, { sequence, offset }: Place): boolean {
  return log.writer.inMemory(sequence, offset) === null;
}

function isNear(before: Place, next: Place, first: Place): boolean {
  if (next.sequence !== first.sequence || next.offset < before.offset) return false;
  return next.offset - before.offset <= GAP_BYTES && next.offset - first.offset <= RUN_BYTES;
}

type Take = (place: NumberedPlace, bytes: Buffer, at: number) => void;

async function readRun(log: DiskLog, run: readonly NumberedPlace[], take: Take, broken: OnBroken): Promise<void> {
  const first = run[0] as NumberedPlace;
  const last = run[run.length - 1] as NumberedPlace;
  const file = log.files.fileOf(first.sequence);
  if (file === undefined) {
    for (const place of run) broken(place, `there is no segment ${first.sequence}`);
    return;
  }
  const bytes = Buffer.allocUnsafe(last.offset - first.offset + AHEAD_BYTES);
  const got = await readAt(file, bytes, first.offset);
  for (const place of run) {
    const at = place.offset - first.offset;
    const size = at + RECORD_HEADER <= got ? recordBytes(bytes.readUInt32LE(at)) : Number.POSITIVE_INFINITY;
    if (at + size <= got) {
      take(place, bytes, at);
      continue;
    }
    // A long one, or one of a run of which the disk gives nothing.
    await readAlone(file, place, got < 0 ? AHEAD_BYTES : size, take, broken);
  }
}

async function readAlone(
  file: SegmentFile,
  place: NumberedPlace,
  size: number,
  take: Take,
  broken: OnBroken,
): Promise<void> {
  const most = Math.max(0, file.bytes - place.offset);
  const bytes = Buffer.alloc(Math.min(size, most));
  const got = await readAt(file, bytes, place.offset);
  if (got < 0) {
    broken(place, 'the disk does not give it');
    return;
  }
  const wanted = got < RECORD_HEADER ? 0 : Math.min(recordBytes(bytes.readUInt32LE(0)), most);
  if (wanted > bytes.length) await readAlone(file, place, wanted, take, broken);
  else take(place, bytes, 0);
}

/** Bytes that were read; -1: the disk cannot read there (EIO). */
async function readAt(file: SegmentFile, bytes: Buffer, offset: number): Promise<number> {
  try {
    return (await file.handle.read(bytes, 0, bytes.length, offset)).bytesRead;
  } catch (error) {
    if (systemCode(error) === 'EIO') return -1;
    throw error;
  }
}

/** The entry, or why there is none. */
function entryAt(log: DiskLog, queue: QueueId, place: NumberedPlace, bytes: Buffer, at: number): QueueEntry | string {
  if (goodBody(bytes, at, log.files.seedOf(place.sequence)) < 0) return `its record at ${place.offset} is damaged`;
  const body = at + RECORD_HEADER;
  const target = readTarget(bytes, body, queue);
  if (target === null) return `its record at ${place.offset} is of another queue`;
  return { number: place.number, message: decodeMessage(bytes, body, log.clock), target };
}

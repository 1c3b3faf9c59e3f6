import { decodeMessage } from '../../message-bytes.ts';
import type { QueueEntry, QueueId } from '../../port.ts';
import { sequenceSeed } from './batch.ts';
import type { DiskLog } from './disk-log.ts';
import { type Place, RECORD_HEADER, recordBytes } from './layout.ts';
import { readTarget } from './message-record.ts';
import { goodBody } from './segment-reader.ts';

type NumberedPlace = Place & { readonly number: number };

/** Neighbours that are so near are read together. */
const GAP_BYTES = 16 * 1024;
const RUN_BYTES = 1024 * 1024;
/** Read with the first record of a run: most messages are shorter. */
const AHEAD_BYTES = 4096;

/** An entry whose record cannot be read: its message is damaged. */
export class DamagedEntryError extends Error {}

/** Reads entries from memory, where they have not been written yet, or from their segments. */
export async function readEntries(
  log: DiskLog,
  queue: QueueId,
  places: readonly NumberedPlace[],
): Promise<QueueEntry[]> {
  const entries: QueueEntry[] = [];
  for (let i = 0; i < places.length; ) {
    const place = places[i] as NumberedPlace;
    const held = log.writer.inMemory(place.sequence, place.offset);
    if (held !== null) {
      entries.push(entryAt(log, queue, place, held.bytes, held.at));
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
    await readRun(log, queue, places.slice(i, end), entries);
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

async function readRun(
  log: DiskLog,
  queue: QueueId,
  run: readonly NumberedPlace[],
  entries: QueueEntry[],
): Promise<void> {
  const first = run[0] as NumberedPlace;
  const last = run[run.length - 1] as NumberedPlace;
  const file = log.files.fileOf(first.sequence);
  if (file === undefined) throw new DamagedEntryError(`there is no segment ${first.sequence}`);
  const bytes = Buffer.allocUnsafe(last.offset - first.offset + AHEAD_BYTES);
  const { bytesRead } = await file.handle.read(bytes, 0, bytes.length, first.offset);
  for (const place of run) {
    const at = place.offset - first.offset;
    const size = at + RECORD_HEADER <= bytesRead ? recordBytes(bytes.readUInt32LE(at)) : Number.POSITIVE_INFINITY;
    if (at + size <= bytesRead) {
      entries.push(entryAt(log, queue, place, bytes, at));
      continue;
    }
    const alone = Buffer.allocUnsafe(Math.min(size, file.bytes - place.offset));
    await file.handle.read(alone, 0, alone.length, place.offset);
    entries.push(entryAt(log, queue, place, alone, 0));
  }
}

function entryAt(log: DiskLog, queue: QueueId, place: NumberedPlace, bytes: Buffer, at: number): QueueEntry {
  if (goodBody(bytes, at, sequenceSeed(place.sequence)) < 0) {
    throw new DamagedEntryError(`message ${place.number} in segment ${place.sequence} at ${place.offset} is damaged`);
  }
  const body = at + RECORD_HEADER;
  const target = readTarget(bytes, body, queue);
  if (target === null) throw new DamagedEntryError(`message ${place.number} is not of queue ${queue}`);
  return { number: place.number, message: decodeMessage(bytes, body, log.clock), target };
}

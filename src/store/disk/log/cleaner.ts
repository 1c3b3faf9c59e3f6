import { decodeMessage } from '../../message-bytes.ts';
import { readNumber } from './batch.ts';
import type { DiskLog } from './disk-log.ts';
import { FIRST_RECORD, RECORD_HEADER, RecordKind, recordBytes } from './layout.ts';
import { readWhole } from './read-whole.ts';
import { goodBody, nextGood } from './segment-reader.ts';

/** Fewer segments are never worth the work. */
const MIN_SEGMENTS = 4;
/** Bytes that are looked through before others have their turn. */
const STEP_BYTES = 256 * 1024;

/**
 * The first segment that is still wanted. `tableHas`: changes of the table in segments before this one are in the table. What
 * frees segments must be synced: called after a commit, with the log as it was before.
 */
export function firstWanted(log: DiskLog, tableHas: number): number {
  const end = Math.min(tableHas, log.writer.sequence);
  for (const sequence of log.files.sequences) {
    if (sequence >= end || log.segments.entriesIn(sequence) > 0) return Math.min(sequence, end);
  }
  return end;
}

/** Frees the segments before `wanted`, from the oldest on. That they are not wanted is in the table before. */
export async function freeSegments(log: DiskLog, wanted: number): Promise<void> {
  for (const sequence of log.files.sequences) {
    if (sequence >= Math.min(wanted, log.writer.sequence)) return;
    log.segments.forget(sequence);
    await log.files.release(sequence);
  }
}

/** The oldest segment, when it keeps the log from shrinking; else null. */
export function segmentToClean(log: DiskLog): number | null {
  const { sequences } = log.files;
  const oldest = sequences[0];
  if (oldest === undefined || sequences.length <= MIN_SEGMENTS || oldest >= log.writer.sequence) return null;
  return log.segments.entriesIn(oldest) > 0 && isSparse(log) ? oldest : null;
}

/** Less than half of the log's bytes on disk are wanted. */
function isSparse(log: DiskLog): boolean {
  let all = 0;
  let wanted = 0;
  for (const sequence of log.files.sequences) {
    const bytes = log.files.fileOf(sequence)?.bytes ?? 0;
    all += bytes;
    wanted += log.segments.wantedBytes(sequence, bytes);
  }
  return wanted * 2 < all;
}

/** Copies all that is wanted of a segment to the end of the log. The caller commits. */
export async function cleanSegment(log: DiskLog, sequence: number, turn: () => Promise<void>): Promise<void> {
  const file = log.files.fileOf(sequence);
  if (file === undefined) return;
  const { bytes } = await readWhole(file.handle, file.bytes);
  let pause = STEP_BYTES;
  for (let at = FIRST_RECORD; at < bytes.length; ) {
    const bodyBytes = goodBody(bytes, at, file.seed);
    if (bodyBytes < 0) {
      // A gap that was there at start.
      const next = nextGood(bytes, at + 8, file.seed);
      if (next < 0) break;
      at = next;
      continue;
    }
    const kind = bytes[at + 8];
    if (kind === RecordKind.segmentEnd) break;
    if (kind === RecordKind.message) {
      const body = at + RECORD_HEADER;
      log.copyForward(sequence, readNumber(bytes, at + 9), bytes, body, () => decodeMessage(bytes, body, log.clock));
    }
    at += recordBytes(bodyBytes);
    if (at < pause) continue;
    pause = at + STEP_BYTES;
    await turn();
  }
  if (log.segments.entriesIn(sequence) > 0) log.giveUp(sequence);
}

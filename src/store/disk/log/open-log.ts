import { join } from 'node:path';
import { seedOf } from './batch.ts';
import { type FoundFiles, findSegments, type WantedSegments } from './find-segments.ts';
import { type Place, SEGMENT_BYTES } from './layout.ts';
import { type LogDamage, LogReader } from './log-reader.ts';
import { readWhole } from './read-whole.ts';
import type { Replay } from './replay.ts';
import { disk, type KeepFile, type LogFolder, type LogHandle, SegmentFiles } from './segment-files.ts';
import { saltOf } from './segment-header.ts';

export type ReadLog = {
  readonly files: SegmentFiles;
  readonly replay: Replay;
  readonly damage: readonly LogDamage[];
  /** Of the segment to go on with. */
  readonly nextSequence: number;
  /** Where the last whole batch of the segment before that ends; 0: nowhere in it. */
  readonly beforeEnd: number;
  /** Bytes behind the end of the last batch: of a write that did not come to its end. */
  readonly unfinishedBytes: number;
};

/** What others than the log know of it. */
export type KnownOfLog = {
  /** Segments that must be there. */
  readonly wanted: WantedSegments | null;
  /** All before this place was synced. */
  readonly synced: Place | null;
  /** The number that the next message would have had, at least. */
  readonly nextNumber: number;
  /** The table has the changes of the segments before this one. */
  readonly changesFrom: number;
};

export const NOTHING_KNOWN: KnownOfLog = { wanted: null, synced: null, nextNumber: 1, changesFrom: 0 };

/** Numbers are left out where messages may be lost, so that none is used again: a segment of 16 MiB has no more messages. */
const LEAP = 2 ** 32;

export type ReadLogOptions = {
  readonly segmentBytes?: number | undefined;
  readonly on?: LogFolder | undefined;
  readonly known?: KnownOfLog;
  /** Moves away what is no segment of this log; not given: it stays, and is not touched. */
  readonly keep?: KeepFile;
  /** Ends the reading, between two segments. */
  readonly stop?: AbortSignal | undefined;
};

/** Reads all of a log, to go on with it. Throws an OperatorError for one of a newer version. */
export async function readLog(folder: string, incarnation: string, options: ReadLogOptions = {}): Promise<ReadLog> {
  const { segmentBytes = SEGMENT_BYTES, on = disk, known = NOTHING_KNOWN, keep, stop } = options;
  const files = new SegmentFiles(folder, segmentBytes, saltOf(incarnation), on);
  const found = await findSegments(folder, incarnation, known.wanted, (path) => on.open(path, 'r+'));
  // A process that was killed may have written what it did not sync. What is read now others are told, and the next segment says that it
  // is good; a header that was wiped must not come back either, nor a file go whose name was not durable yet.
  const syncs = [...found.segments, ...found.free].map(({ handle }) => (handle as LogHandle).datasync());
  for (const outcome of await Promise.allSettled([...syncs, on.sync(folder)])) {
    if (outcome.status === 'rejected') throw outcome.reason;
  }
  const reader = await readFound(folder, found, known, stop).catch(async (error: unknown) => {
    if (stop?.aborted) await closeFound(found);
    throw error;
  });
  for (const { slot, path, handle, header } of found.segments) {
    const seed = seedOf(header);
    files.adopt(slot, { path, handle: handle as LogHandle, bytes: header.bytes, seed }, header.sequence);
  }
  for (const { slot, path, handle, size } of found.free) {
    files.leave(slot);
    if (size === segmentBytes) files.adopt(slot, { path, handle: handle as LogHandle, bytes: size, seed: 0 }, null);
    else {
      // It was being made when the process ended.
      await handle.close();
      await on.unlink(path);
    }
  }
  for (const { slot } of found.closed) files.leave(slot);
  const kept = new Map<string, string>();
  for (const { slot, path, handle } of found.strange) {
    files.leave(slot);
    await handle.close();
    if (keep !== undefined) kept.set(path, await keep(path));
  }
  if (keep !== undefined) {
    const damaged = new Set(reader.damage.map(({ file }) => file));
    for (const { path, header } of found.segments) if (damaged.has(path)) files.keep(header.sequence, keep);
  }
  const { replay } = reader;
  const numbers = found.segments.map(({ header }) => header.nextNumber - 1);
  replay.lastNumber = Math.max(replay.lastNumber, known.nextNumber - 1, ...numbers);
  if (reader.damage.length > 0) replay.lastNumber += LEAP;
  const last = found.segments.at(-1)?.header.sequence ?? 0;
  const after = Math.max(last, known.synced?.sequence ?? 0, (known.wanted?.first ?? 1) - 1);
  return {
    files,
    replay,
    damage: reader.damage.map((one) => ({ ...one, kept: kept.get(one.file) ?? null })),
    nextSequence: after + 1,
    beforeEnd: after === last ? reader.lastEnd : 0,
    unfinishedBytes: reader.unfinishedBytes,
  };
}

/** What has been read of a log. */
export type FoundLog = Pick<LogReader, 'replay' | 'lastEnd' | 'unfinishedBytes'> & {
  readonly damage: readonly LogDamage[];
};

/** Reads the segments that were found, and names what is damaged. */
export async function readFound(
  folder: string,
  found: FoundFiles,
  known: KnownOfLog,
  stop?: AbortSignal,
): Promise<FoundLog> {
  const reader = new LogReader(known.wanted?.first ?? null, folder, known.changesFrom);
  for (const { handle, header, path, size, guessed } of found.segments) {
    stop?.throwIfAborted();
    const { bytes, unreadable } = await readWhole(handle, header.bytes);
    if (guessed) reader.fault({ file: path, from: 0, to: 64, what: 'its header cannot be read' });
    for (const { from, to, what } of unreadable)
      reader.fault({ file: path, from, to, what: `it cannot be read: ${what}` });
    if (size < header.bytes)
      reader.fault({ file: path, from: size, to: header.bytes, what: 'it is shorter than it should be' });
    reader.segment(bytes, header, path);
  }
  reader.end(known.synced);
  const strange = [...found.strange, ...found.closed].map(({ path, what }) => ({ file: path, from: 0, to: 0, what }));
  const { replay, lastEnd, unfinishedBytes } = reader;
  return { replay, lastEnd, unfinishedBytes, damage: [...strange.map(asDamage), ...reader.damage] };
}

function asDamage(fault: Pick<LogDamage, 'file' | 'from' | 'to' | 'what'>): LogDamage {
  return { ...fault, count: null, which: [], kept: null };
}

/** Closes what `findSegments` has opened. */
export async function closeFound({ segments, free, strange }: FoundFiles): Promise<void> {
  for (const { handle } of [...segments, ...free, ...strange]) await handle.close();
}

/** The folder of a store's log. */
export function logFolderOf(folder: string): string {
  return join(folder, 'log');
}

export type { LogDamage };

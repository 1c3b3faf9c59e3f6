import { open, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { OperatorError } from '../../../base/index.ts';
import { FIRST_RECORD, type Place, RecordKind, recordBytes, SEGMENT_BYTES } from './layout.ts';
import { Replay } from './replay.ts';
import { type LogFolder, type SegmentFile, SegmentFiles } from './segment-files.ts';
import { decodeHeader, type SegmentHeader } from './segment-header.ts';
import { readSegment, type SegmentEnd } from './segment-reader.ts';

/** A stretch of the log that was synced once and cannot be read now. */
export type Damage = { readonly file: string; readonly from: number; readonly to: number; readonly what: string };

export type ReadLog = {
  readonly files: SegmentFiles;
  readonly replay: Replay;
  readonly damage: readonly Damage[];
  /** Of the segment to go on with. */
  readonly nextSequence: number;
  /** Bytes behind the end of the last batch: of a write that did not come to its end. */
  readonly unfinishedBytes: number;
};

type Found = { readonly slot: number; readonly file: SegmentFile; readonly header: SegmentHeader };

/** Reads all of a log. Throws an OperatorError for one of a newer version or of another store. */
export async function readLog(
  folder: string,
  incarnation: string,
  segmentBytes = SEGMENT_BYTES,
  on?: LogFolder,
): Promise<ReadLog> {
  const files = new SegmentFiles(folder, segmentBytes, on);
  const broken: Damage[] = [];
  const found = await findSegments(folder, files, incarnation, broken);
  const reader = new LogReader();
  for (const { file, header } of found) {
    const bytes = Buffer.allocUnsafe(file.bytes);
    const { bytesRead } = await file.handle.read(bytes, 0, bytes.length, 0);
    reader.segment(bytes.subarray(0, bytesRead), header, file.path);
  }
  const { replay } = reader;
  replay.lastNumber = Math.max(replay.lastNumber, ...found.map(({ header }) => header.nextNumber - 1));
  const nextSequence = (found.at(-1)?.header.sequence ?? 0) + 1;
  return { files, replay, damage: [...broken, ...reader.damage()], nextSequence, unfinishedBytes: reader.carriedBytes };
}

async function findSegments(
  folder: string,
  files: SegmentFiles,
  incarnation: string,
  broken: Damage[],
): Promise<Found[]> {
  const found: Found[] = [];
  for (const name of await readdir(folder)) {
    const slot = Number(/^(\d+)\.seg$/.exec(name)?.[1] ?? Number.NaN);
    if (Number.isNaN(slot)) continue;
    const path = join(folder, name);
    const handle = await open(path, 'r+');
    const { size } = await handle.stat();
    const block = Buffer.alloc(FIRST_RECORD);
    await handle.read(block, 0, block.length, 0);
    const header = decodeHeader(block);
    if (typeof header === 'number') {
      throw new OperatorError(
        `${path} is of version ${header}, which this Sonde does not know`,
        'Start a newer Sonde.',
      );
    }
    if (header === null && !block.equals(NOTHING)) {
      // Whatever it was, it is kept.
      broken.push({ file: path, from: 0, to: FIRST_RECORD, what: 'its header cannot be read' });
      files.leave(slot);
      await handle.close();
      continue;
    }
    const file = { path, handle, bytes: header?.bytes ?? size };
    if (header !== null && header.incarnation === incarnation) found.push({ slot, file, header });
    files.adopt(slot, file, header === null || header.incarnation !== incarnation ? null : header.sequence);
  }
  return found.sort((a, b) => a.header.sequence - b.header.sequence);
}

const NOTHING = Buffer.alloc(FIRST_RECORD);

/** Takes segments in their order, and gives what whole batches say to the replay. */
class LogReader {
  readonly replay = new Replay();
  readonly #damage: (Damage & Place)[] = [];
  #synced: Place = { sequence: 0, offset: 0 };
  /** Good records behind the last end of a batch: the batch may go on in the next segment. */
  #carried: { readonly bytes: Buffer; readonly start: number; readonly end: number; readonly sequence: number }[] = [];
  #before: {
    readonly sequence: number;
    readonly end: SegmentEnd;
    readonly path: string;
    readonly bytes: number;
  } | null = null;

  get carriedBytes(): number {
    return this.#carried.reduce((sum, { start, end }) => sum + end - start, 0);
  }

  segment(bytes: Buffer, header: SegmentHeader, path: string): void {
    const { sequence } = header;
    this.#checkBefore(header, path);
    if (header.anew) this.#carried = [];
    let start = FIRST_RECORD;
    let next = FIRST_RECORD;
    const end = readSegment(bytes, sequence, (kind, _number, _bytes, _bodyAt, bodyBytes, offset) => {
      // Behind a gap: what was before it stands, the gap itself is left out.
      if (offset !== next) {
        this.#carried.push({ bytes, start, end: next, sequence });
        start = offset;
      }
      next = offset + recordBytes(bodyBytes);
      if (kind !== RecordKind.batchEnd) return;
      for (const part of this.#carried) this.replay.take(part.bytes, part.start, part.end, part.sequence);
      this.#carried = [];
      this.replay.take(bytes, start, next, sequence);
      start = next;
    });
    if (start < next) this.#carried.push({ bytes, start, end: next, sequence });
    for (const { from, to } of end.gaps) {
      this.#damage.push({ file: path, from, to, what: 'records that cannot be read', sequence, offset: from });
    }
    if (end.synced !== null) this.#synced = end.synced;
    this.#before = { sequence, end, path, bytes: bytes.length };
  }

  /** Broken stretches of what is known to have been synced. */
  damage(): Damage[] {
    return this.#damage.filter(({ sequence, offset }) => isBefore({ sequence, offset }, this.#synced));
  }

  #checkBefore(header: SegmentHeader, path: string): void {
    const before = this.#before;
    if (before === null) return;
    if (header.sequence !== before.sequence + 1) {
      const what = `segments ${before.sequence + 1} to ${header.sequence - 1} are missing before it`;
      this.#damage.push({ file: path, from: 0, to: 0, what, sequence: before.sequence, offset: 0 });
    }
    if (!before.end.whole && !header.anew) {
      const { sequence, end, path: file, bytes } = before;
      this.#damage.push({ file, from: end.end, to: bytes, what: 'its end cannot be read', sequence, offset: end.end });
    }
  }
}

function isBefore(a: Place, b: Place): boolean {
  return a.sequence < b.sequence || (a.sequence === b.sequence && a.offset < b.offset);
}

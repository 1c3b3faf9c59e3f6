import { readNumber, seedOf } from './batch.ts';
import { BatchOrder, isBefore, type Part } from './batch-order.ts';
import { FIRST_RECORD, type Place, RECORD_HEADER, RecordKind, recordBytes } from './layout.ts';
import { Replay } from './replay.ts';
import type { SegmentHeader } from './segment-header.ts';
import { readSegment, type SegmentEnd } from './segment-reader.ts';

/** A stretch of the log that was synced once and cannot be read now. */
export type LogDamage = {
  readonly file: string;
  readonly from: number;
  readonly to: number;
  readonly what: string;
  /** Records that were there; null: nobody can know. */
  readonly count: number | null;
  /** Their names. */
  readonly which: readonly string[];
  /** Where the file is now; null: where it was. */
  readonly kept: string | null;
};

type Fault = Pick<LogDamage, 'file' | 'from' | 'to' | 'what'>;
type Suspect = LogDamage & Place;

/** Takes segments in their order, and gives what whole batches say to the replay. */
export class LogReader {
  readonly replay: Replay;
  readonly damage: LogDamage[] = [];
  /** Where the last whole batch of the last segment ends; 0: nowhere in it. */
  lastEnd = 0;
  /** Broken stretches that are damage when they turn out to have been synced. */
  #suspects: Suspect[] = [];
  #synced: Place = { sequence: 0, offset: 0 };
  readonly #first: number | null;
  /** Good records behind the last end of a batch: the batch may go on in the next segment. */
  #carried: Part[] = [];
  readonly #order = new BatchOrder((parts, end) => {
    for (const part of parts) this.replay.take(part.bytes, part.start, part.end, part.sequence);
    if (end.sequence === this.#sequence) this.lastEnd = end.offset;
  });
  /** Of the segment that is read. */
  #sequence = 0;
  #before: {
    readonly sequence: number;
    readonly end: SegmentEnd;
    readonly path: string;
    readonly bytes: number;
  } | null = null;

  readonly #folder: string;

  /**
   * `first`: the segment that must be there, and all after it. `folder`: what is named when there is no segment at all.
   * `changesFrom`: see `Replay`.
   */
  constructor(first: number | null, folder: string, changesFrom: number) {
    this.replay = new Replay(changesFrom);
    this.#first = first;
    this.#folder = folder;
  }

  get unfinishedBytes(): number {
    return this.#carried.reduce((sum, { start, end }) => sum + end - start, 0);
  }

  /** Something that is damage whatever the log says. */
  fault(fault: Fault): void {
    this.damage.push({ ...fault, count: null, which: [], kept: null });
  }

  segment(bytes: Buffer, header: SegmentHeader, path: string): void {
    const { sequence } = header;
    this.#checkBefore(header, path);
    if (header.anew) this.#carried = [];
    let start = FIRST_RECORD;
    let next = FIRST_RECORD;
    this.lastEnd = 0;
    this.#sequence = sequence;
    const end = readSegment(bytes, seedOf(header), (kind, _number, _bytes, bodyAt, bodyBytes, offset) => {
      if (offset !== next) {
        this.#order.gap({ sequence, offset: next });
        this.#carried.push({ bytes, start, end: next, sequence });
        start = offset;
      }
      next = offset + recordBytes(bodyBytes);
      if (kind !== RecordKind.batchEnd) return;
      this.#know({ sequence: bytes.readUInt32LE(bodyAt), offset: bytes.readUInt32LE(bodyAt + 4) });
      this.#order.batch([...this.#carried, { bytes, start, end: next, sequence }], { sequence, offset: next });
      this.#carried = [];
      start = next;
    });
    if (start < next) this.#carried.push({ bytes, start, end: next, sequence });
    for (const { from, to } of end.gaps) {
      const what = 'records that cannot be read';
      this.#suspects.push({
        file: path,
        from,
        to,
        what,
        ...recordsIn(bytes, from, to),
        kept: null,
        sequence,
        offset: from,
      });
    }
    this.#before = { sequence, end, path, bytes: bytes.length };
  }

  /** There are no more segments; `synced`: up to here the log was synced, as others know. */
  end(synced: Place | null): void {
    this.#know(synced);
    this.#order.dropRest();
    this.#settle();
    const before = this.#before;
    if (synced === null || synced.sequence < (before?.sequence ?? 0)) return;
    const sequence = before?.sequence ?? 0;
    if (synced.sequence > sequence && synced.sequence >= (this.#first ?? 0)) {
      const from = Math.max(sequence + 1, this.#first ?? 1);
      this.fault({
        file: before?.path ?? this.#folder,
        from: 0,
        to: 0,
        what: missing(from, synced.sequence, 'after it'),
      });
    }
    if (before === null || before.end.whole) return;
    const wanted = synced.sequence > sequence ? before.bytes : synced.offset;
    if (before.end.end < wanted) this.#lostEnd(before.path, before.end.end, wanted);
  }

  #checkBefore(header: SegmentHeader, path: string): void {
    const before = this.#before;
    if (before === null) {
      const first = this.#first ?? header.sequence;
      if (first < header.sequence) {
        this.fault({ file: path, from: 0, to: 0, what: missing(first, header.sequence - 1, 'before it') });
      }
      return;
    }
    // A segment begins only when the one before is synced; a new start says how far that one was good.
    if (!header.anew) this.#know({ sequence: header.sequence, offset: FIRST_RECORD });
    else if (header.sequence === before.sequence + 1)
      this.#know({ sequence: before.sequence, offset: header.beforeEnd });
    if (header.sequence === before.sequence + 1) this.#order.dropRest();
    else this.#order.takeRest();
    this.#settle();
    if (header.sequence !== before.sequence + 1) {
      this.fault({ file: path, from: 0, to: 0, what: missing(before.sequence + 1, header.sequence - 1, 'before it') });
    }
    const { end, path: file, bytes } = before;
    const isNext = header.sequence === before.sequence + 1;
    const wanted = header.anew ? (isNext ? header.beforeEnd : 0) : bytes;
    if (!end.whole && end.end < wanted) this.#lostEnd(file, end.end, wanted);
  }

  #lostEnd(file: string, from: number, to: number): void {
    this.fault({ file, from, to, what: 'its end cannot be read' });
  }

  #know(synced: Place | null): void {
    if (synced === null || !isBefore(this.#synced, synced)) return;
    this.#synced = synced;
    this.#order.synced(synced);
  }

  /** What was not synced when the process ended was never promised: it is no damage. */
  #settle(): void {
    for (const { sequence, offset, ...damage } of this.#suspects) {
      if (isBefore({ sequence, offset }, this.#synced)) this.damage.push(damage);
    }
    this.#suspects = [];
  }
}

function missing(from: number, to: number, where: string): string {
  return `segments ${from} to ${to} are missing ${where}`;
}

/** The records of a broken stretch, where their lengths still lead from one to the next. */
function recordsIn(bytes: Buffer, from: number, to: number): Pick<LogDamage, 'count' | 'which'> {
  const which: string[] = [];
  let count = 0;
  for (let at = from; at < to; count++) {
    const size = at + RECORD_HEADER <= to ? bytes.readUInt32LE(at) : 0;
    if (size === 0 || size > to - at || at + recordBytes(size) > to) return { count: null, which: [] };
    const isMessage = bytes[at + 8] === RecordKind.message;
    which.push(isMessage ? `message ${readNumber(bytes, at + 9)}` : `record at ${at}`);
    at += recordBytes(size);
  }
  return { count, which };
}

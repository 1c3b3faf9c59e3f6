import type { Clock } from '../../../base/index.ts';
import { Batch } from './batch.ts';
import { FIRST_RECORD, type Place, RecordKind, recordBytes } from './layout.ts';
import type { SegmentFile, SegmentFiles } from './segment-files.ts';

/** What the writer tells of its state. */
export type WriterEvents = {
  /** A write failed. It is tried again until it succeeds; nothing that waits for it is acknowledged meanwhile. */
  readonly failed: (error: unknown) => void;
  /** It works again. */
  readonly recovered: () => void;
};

export type LogWriterOptions = {
  readonly files: SegmentFiles;
  readonly clock: Clock;
  readonly incarnation: string;
  /** Of the segment that it begins. */
  readonly firstSequence: number;
  /** Where the last whole batch of the segment before that ended; 0: nowhere in it. */
  readonly beforeEnd?: number;
  readonly nextNumber: () => number;
  readonly events: WriterEvents;
  /** Least time from the end of one write to the next, in ms: commits, not records, are the cost. */
  readonly pauseMs?: number;
  /** 0: each write is synced before it counts as done. Else it counts when the system has it, and is synced so long after, in ms. */
  readonly syncEveryMs?: number;
};

const PAUSE_MS = 1;
const RETRY_MS = 1000;
/** Larger buffers are not kept. */
const MAX_FREE_BYTES = 4 * 1024 * 1024;
/** Kept free at the end of each segment for the record that ends it. */
const END_BYTES = recordBytes(8);

/**
 * The one who writes the log. Records get their place at once, in memory; `commit` ends a batch, and batches that end while a
 * write is under way share the next one and its sync.
 */
export class LogWriter {
  readonly #options: LogWriterOptions;
  /** Stretches that wait to be written, the last of them open. Each lies in one segment. */
  #stretches: Batch[] = [];
  /** Written, or being written, but not synced. */
  #underWay: Batch[] = [];
  readonly #free: Batch[] = [];
  #open: Batch;
  #segmentBytes: number;
  /** Sizes of segments that are not the usual ones. */
  readonly #odd = new Map<number, number>();
  readonly #numbers = new Map<number, number>();
  #waiting: { readonly done: () => void }[] = [];
  #dirty = false;
  #ends = 0;
  #synced: Place;
  /** The writing that is under way; null: nothing is written. */
  #running: Promise<void> | null = null;
  #lastEndMs = Number.NEGATIVE_INFINITY;
  #timer: NodeJS.Timeout | null = null;
  #failing = false;
  #closed = false;
  /** A segment that was written and not synced; 0: there is none. */
  #unsynced = 0;
  /** The next write is synced, come what may. */
  #syncDue = false;
  #lastSyncMs = Number.NEGATIVE_INFINITY;
  #syncTimer: NodeJS.Timeout | null = null;
  #givesUp = false;
  #tellGivenUp = (): void => {};
  /** Resolves when a write was given up. */
  readonly givenUp = new Promise<void>((resolve) => {
    this.#tellGivenUp = resolve;
  });
  /** Called each time that what was in memory only is written. */
  onWritten: () => void = () => {};
  /** Waiting for a retry. */
  #wake: (() => void) | null = null;

  constructor(options: LogWriterOptions) {
    this.#options = options;
    this.#segmentBytes = options.files.segmentBytes;
    this.#open = new Batch();
    this.#synced = { sequence: options.firstSequence, offset: FIRST_RECORD };
    this.#beginSegment(options.firstSequence, this.#segmentBytes);
  }

  /** Bytes that are in memory only. */
  get unsyncedBytes(): number {
    let bytes = 0;
    for (const { length } of this.#underWay) bytes += length;
    for (const { length } of this.#stretches) bytes += length;
    return bytes;
  }

  /** All before this place is on disk. */
  get synced(): Place {
    return this.#synced;
  }

  get failing(): boolean {
    return this.#failing;
  }

  /** The segment that records go to now. */
  get sequence(): number {
    return this.#open.sequence;
  }

  /** Makes room for a record; returns the batch that it goes to, with the body's place from `batch.open`. */
  room(bodyBytes: number): Batch {
    this.#dirty = true;
    const size = recordBytes(bodyBytes);
    const end = this.#open.offset + this.#open.length;
    if (end + size + END_BYTES > this.#segmentBytes) this.#nextSegment(size);
    return this.#open;
  }

  /** Ends the batch. Resolves when it is synced, or as `syncEveryMs` says; null: there was nothing in it. */
  commit(): Promise<void> | null {
    if (!this.#dirty) return null;
    const batch = this.room(8);
    const at = batch.open(RecordKind.batchEnd, 0, 8);
    batch.bytes.writeUInt32LE(this.#synced.sequence, at);
    batch.bytes.writeUInt32LE(this.#synced.offset, at + 4);
    batch.close(at, 8);
    this.#dirty = false;
    this.#ends += 1;
    return new Promise((resolve) => {
      this.#waiting.push({ done: resolve });
      this.#schedule();
    });
  }

  /** Ends the batch, also an empty one: all before `place` is on disk when `synced` resolves, whatever `syncEveryMs` says. */
  mark(): { readonly place: Place; readonly synced: Promise<void> } {
    this.#dirty = true;
    this.#syncDue = true;
    const synced = this.commit() ?? Promise.resolve();
    const { sequence, offset, length } = this.#open;
    return { place: { sequence, offset: offset + length }, synced };
  }

  /** The bytes of a record that is not in its file yet; null: look there. */
  inMemory(sequence: number, offset: number): { readonly bytes: Buffer; readonly at: number } | null {
    for (const batches of [this.#underWay, this.#stretches]) {
      for (const batch of batches) {
        const at = offset - batch.offset;
        if (batch.sequence === sequence && at >= 0 && at < batch.length) return { bytes: batch.bytes, at };
      }
    }
    return null;
  }

  /**
   * No more than one further try, whatever fails: what is not synced by then is not written, and who waits for it is not
   * told that it was. For a stop while the disk is broken.
   */
  giveUp(): void {
    this.#givesUp = true;
    this.#wake?.();
  }

  /** Resolves when everything is written that was committed, or was given up. */
  async close(): Promise<void> {
    this.#closed = true;
    if (this.#syncTimer !== null) clearTimeout(this.#syncTimer);
    this.#syncTimer = null;
    if (this.#dirty || this.#unsynced !== 0) void this.mark();
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
    this.#wake?.();
    // Also what was ended while the last write was telling those who waited for it.
    do {
      if (this.#running === null) this.#start();
      await this.#running;
    } while (this.#running !== null || this.#ends > 0);
  }

  #beginSegment(sequence: number, bytes: number): void {
    this.#segmentBytes = bytes;
    if (bytes !== this.#options.files.segmentBytes) this.#odd.set(sequence, bytes);
    this.#numbers.set(sequence, this.#options.nextNumber());
    this.#open = this.#newStretch(sequence, FIRST_RECORD);
  }

  #nextSegment(recordSize: number): void {
    const at = this.#open.open(RecordKind.segmentEnd, 0, 8);
    this.#open.bytes.fill(0, at, at + 8);
    this.#open.close(at, 8);
    const wanted = FIRST_RECORD + recordSize + 4 * END_BYTES;
    const { segmentBytes } = this.#options.files;
    const bytes = wanted <= segmentBytes ? segmentBytes : Math.ceil(wanted / FIRST_RECORD) * FIRST_RECORD;
    this.#beginSegment(this.#open.sequence + 1, bytes);
  }

  #newStretch(sequence: number, offset: number): Batch {
    const batch = this.#free.pop() ?? new Batch();
    batch.begin(sequence, offset, this.#options.files.seedOf(sequence));
    this.#stretches.push(batch);
    return batch;
  }

  #schedule(): void {
    if (this.#running !== null || this.#timer !== null) return;
    const { clock, pauseMs = PAUSE_MS } = this.#options;
    const waitMs = this.#lastEndMs + pauseMs - clock.monotonicMs();
    if (waitMs <= 0) {
      this.#start();
      return;
    }
    this.#timer = setTimeout(() => {
      this.#timer = null;
      this.#start();
    }, waitMs);
  }

  #start(): void {
    this.#running = this.#run().finally(() => {
      this.#running = null;
      if (this.#ends > 0) this.#schedule();
    });
  }

  /** Writes what has ended until nothing is left. Never rejects. */
  async #run(): Promise<void> {
    while (this.#ends > 0) {
      const waiting = this.#waiting;
      this.#waiting = [];
      this.#ends = 0;
      // What the open batch has so far goes along: its end comes with a later write.
      const last = this.#open;
      this.#underWay = this.#stretches;
      this.#stretches = [];
      this.#open = this.#newStretch(last.sequence, last.offset + last.length);
      const isSynced = this.#isSyncDue();
      if (!(await this.#writeUntilDone(this.#underWay, isSynced))) {
        this.#ends = 0;
        this.#tellGivenUp();
        return;
      }
      if (isSynced) this.#synced = { sequence: last.sequence, offset: last.offset + last.length };
      else this.#syncLater();
      for (const batch of this.#underWay) this.#recycle(batch);
      this.#underWay = [];
      for (const { done } of waiting) done();
      this.onWritten();
      this.#lastEndMs = this.#options.clock.monotonicMs();
      const { pauseMs = PAUSE_MS } = this.#options;
      if (this.#ends > 0 && pauseMs > 0 && !this.#closed) {
        await new Promise<void>((resolve) => setTimeout(resolve, pauseMs));
      }
    }
  }

  #isSyncDue(): boolean {
    const { clock, syncEveryMs = 0 } = this.#options;
    const nowMs = clock.monotonicMs();
    if (syncEveryMs > 0 && !this.#syncDue && nowMs - this.#lastSyncMs < syncEveryMs) return false;
    this.#syncDue = false;
    this.#lastSyncMs = nowMs;
    return true;
  }

  /** Also when nothing more is written. */
  #syncLater(): void {
    if (this.#syncTimer !== null || this.#closed) return;
    this.#syncTimer = setTimeout(() => {
      this.#syncTimer = null;
      if (this.#unsynced !== 0) void this.mark();
    }, this.#options.syncEveryMs);
  }

  #recycle(batch: Batch): void {
    if (this.#free.length < 4 && batch.bytes.length <= MAX_FREE_BYTES) this.#free.push(batch);
  }

  /** False: it was given up. */
  async #writeUntilDone(batches: readonly Batch[], isSynced: boolean): Promise<boolean> {
    for (;;) {
      try {
        await this.#write(batches, isSynced);
        if (this.#failing) this.#options.events.recovered();
        this.#failing = false;
        return true;
      } catch (error) {
        if (!this.#failing) this.#options.events.failed(error);
        this.#failing = true;
        if (this.#givesUp) return false;
        await new Promise<void>((resolve) => {
          const timer = setTimeout(resolve, RETRY_MS);
          this.#wake = () => {
            clearTimeout(timer);
            resolve();
          };
        });
        this.#wake = null;
        this.#unsynced = 0;
        // All that is not synced is written again, to handles of which no failed sync is known.
        await this.#options.files.reopen(batches.map(({ sequence }) => sequence)).catch(() => {});
      }
    }
  }

  /** An earlier segment is synced before a later one is written: a batch's end is never there without its beginning. */
  async #write(batches: readonly Batch[], isSynced: boolean): Promise<void> {
    for (const { bytes, length, sequence, offset } of batches) {
      if (length === 0) continue;
      // Its header, too, is written only then.
      if (sequence !== this.#unsynced) await this.#sync();
      const file = await this.#fileOf(sequence);
      this.#unsynced = sequence;
      await writeAll(file, bytes, length, offset);
    }
    if (isSynced) await this.#sync();
    this.#options.files.prepare();
  }

  async #sync(): Promise<void> {
    if (this.#unsynced === 0) return;
    await this.#options.files.fileOf(this.#unsynced)?.handle.datasync();
    this.#unsynced = 0;
  }

  async #fileOf(sequence: number): Promise<SegmentFile> {
    const { files, incarnation, firstSequence } = this.#options;
    const known = files.fileOf(sequence);
    if (known !== undefined) return known;
    const file = await files.begin({
      sequence,
      salt: files.salt,
      incarnation,
      nextNumber: this.#numbers.get(sequence) ?? 1,
      bytes: this.#odd.get(sequence) ?? this.#options.files.segmentBytes,
      anew: sequence === firstSequence,
      beforeEnd: sequence === firstSequence ? (this.#options.beforeEnd ?? 0) : 0,
    });
    this.#odd.delete(sequence);
    this.#numbers.delete(sequence);
    return file;
  }
}

async function writeAll(file: SegmentFile, bytes: Buffer, length: number, offset: number): Promise<void> {
  for (let done = 0; done < length; ) {
    const { bytesWritten } = await file.handle.write(bytes, done, length - done, offset + done);
    if (bytesWritten === 0) throw new Error(`${file.path}: nothing could be written`);
    done += bytesWritten;
  }
}

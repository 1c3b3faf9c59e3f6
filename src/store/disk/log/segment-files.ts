import * as fs from 'node:fs/promises';
import { join } from 'node:path';
import { syncFolder } from '../../../base/index.ts';
import { seedOf } from './batch.ts';
import { FIRST_RECORD } from './layout.ts';
import { encodeHeader, type SegmentHeader } from './segment-header.ts';

/** What the log does with a file. */
export type LogHandle = Pick<fs.FileHandle, 'write' | 'read' | 'datasync' | 'sync' | 'close' | 'stat'>;

/** What the log does with a folder; tests watch and disturb it. */
export type LogFolder = {
  readonly open: (path: string, flags: 'r+' | 'wx+') => Promise<LogHandle>;
  readonly unlink: (path: string) => Promise<void>;
  /** Makes the names in it durable. */
  readonly sync: (folder: string) => Promise<void>;
};

/** A file of the log. Its name is a slot's; which segment it holds is in its header. */
export type SegmentFile = {
  readonly path: string;
  readonly handle: LogHandle;
  readonly bytes: number;
  /** With which the checksums of its records begin; 0 while it holds no segment. */
  readonly seed: number;
};

/** Moves a file whose contents are to be kept out of the log, durably; answers where it is. */
export type KeepFile = (path: string) => Promise<string>;

export const disk: LogFolder = {
  open: (path, flags) => fs.open(path, flags, 0o600),
  unlink: fs.unlink,
  sync: syncFolder,
};

const ZEROES = Buffer.alloc(1024 * 1024);
/** Free files that are kept for the next segments. */
const SPARES = 2;

/**
 * The files of one log: made of zeroes, bound to a segment when the writer comes to it, free again when nothing in them is
 * wanted. One spare is made ahead, so that a writer seldom waits for zeroes.
 */
export class SegmentFiles {
  readonly #folder: string;
  readonly #on: LogFolder;
  /** Of all but those for a record that needs more. */
  readonly segmentBytes: number;
  readonly salt: number;
  readonly #bySequence = new Map<number, SegmentFile>();
  readonly #spares: SegmentFile[] = [];
  readonly #kept = new Map<number, KeepFile>();
  #lastSlot = 0;
  #making: Promise<void> | null = null;

  /** `salt`: of the segments that are begun now. */
  constructor(folder: string, segmentBytes: number, salt: number, on: LogFolder = disk) {
    this.#folder = folder;
    this.salt = salt;
    this.#on = on;
    this.segmentBytes = segmentBytes;
  }

  /** What its files take on disk. */
  get bytes(): number {
    let bytes = 0;
    for (const file of this.#bySequence.values()) bytes += file.bytes;
    for (const file of this.#spares) bytes += file.bytes;
    return bytes;
  }

  get sequences(): readonly number[] {
    return [...this.#bySequence.keys()].sort((a, b) => a - b);
  }

  /** A file that was found at start: `sequence` null for one that holds nothing. */
  adopt(slot: number, file: SegmentFile, sequence: number | null): void {
    this.#lastSlot = Math.max(this.#lastSlot, slot);
    if (sequence === null) this.#spares.push(file);
    else this.#bySequence.set(sequence, file);
  }

  /** A file that is not to be touched. */
  leave(slot: number): void {
    this.#lastSlot = Math.max(this.#lastSlot, slot);
  }

  fileOf(sequence: number): SegmentFile | undefined {
    return this.#bySequence.get(sequence);
  }

  /** Also of a segment that has no file yet. */
  seedOf(sequence: number): number {
    return this.#bySequence.get(sequence)?.seed ?? seedOf({ sequence, salt: this.salt });
  }

  /** Binds a file to a segment and writes its header, which is synced with the first records. */
  async begin(header: SegmentHeader): Promise<SegmentFile> {
    const known = this.#bySequence.get(header.sequence);
    if (known !== undefined) return known;
    const file = header.bytes === this.segmentBytes ? await this.#takeSpare() : await this.#make(header.bytes);
    const block = encodeHeader(header);
    try {
      await file.handle.write(block, 0, block.length, 0);
    } catch (error) {
      await this.#giveBack(file);
      throw error;
    }
    const bound = { ...file, seed: seedOf(header) };
    this.#bySequence.set(header.sequence, bound);
    return bound;
  }

  /** A file whose header could not be written: kept for the next try, with a handle of which no failed write is known. */
  async #giveBack(file: SegmentFile): Promise<void> {
    const handle = await this.#on.open(file.path, 'r+').catch(() => file.handle);
    if (handle !== file.handle) await file.handle.close().catch(() => {});
    if (file.bytes === this.segmentBytes) {
      this.#spares.push({ ...file, handle });
      return;
    }
    await handle.close().catch(() => {});
    await this.#on.unlink(file.path).catch(() => {});
  }

  /** After a failed write or sync: the files of these segments get new handles. */
  async reopen(sequences: readonly number[]): Promise<void> {
    for (const sequence of new Set(sequences)) {
      const file = this.#bySequence.get(sequence);
      if (file === undefined) continue;
      const handle = await this.#on.open(file.path, 'r+');
      this.#bySequence.set(sequence, { ...file, handle });
      await file.handle.close().catch(() => {});
    }
  }

  /**
   * Nothing in the segment is wanted any more. Its header goes, on disk, before a later segment may: else it would be read
   * again without the acknowledgements that came after it.
   */
  async release(sequence: number): Promise<void> {
    const file = this.#bySequence.get(sequence);
    if (file === undefined) return;
    const keep = this.#kept.get(sequence);
    if (keep !== undefined) {
      await keep(file.path);
      this.#kept.delete(sequence);
      this.#bySequence.delete(sequence);
      await file.handle.close();
      return;
    }
    await file.handle.write(ZEROES, 0, FIRST_RECORD, 0);
    await file.handle.datasync();
    this.#bySequence.delete(sequence);
    if (file.bytes === this.segmentBytes && this.#spares.length < SPARES) {
      this.#spares.push(file);
      return;
    }
    await file.handle.close();
    await this.#on.unlink(file.path);
  }

  /** The segment is damaged: when nothing in it is wanted any more its file is moved away, and not used again. */
  keep(sequence: number, keep: KeepFile): void {
    this.#kept.set(sequence, keep);
  }

  /** Makes a spare if there is none, beside other work. */
  prepare(): void {
    if (this.#spares.length > 0 || this.#making !== null) return;
    this.#making = this.#make(this.segmentBytes).then(
      (file) => {
        this.#spares.push(file);
        this.#making = null;
      },
      () => {
        this.#making = null; // who needs it finds out why
      },
    );
  }

  async close(): Promise<void> {
    await this.#making;
    const files = [...this.#bySequence.values(), ...this.#spares];
    await Promise.all(files.map(({ handle }) => handle.close()));
  }

  async #takeSpare(): Promise<SegmentFile> {
    await this.#making;
    return this.#spares.pop() ?? (await this.#make(this.segmentBytes));
  }

  async #make(bytes: number): Promise<SegmentFile> {
    this.#lastSlot += 1;
    const path = join(this.#folder, slotName(this.#lastSlot));
    const handle = await this.#on.open(path, 'wx+');
    try {
      for (let at = 0; at < bytes; at += ZEROES.length) {
        await handle.write(ZEROES, 0, Math.min(ZEROES.length, bytes - at), at);
      }
      await handle.sync();
      await this.#on.sync(this.#folder);
      return { path, handle, bytes, seed: 0 };
    } catch (error) {
      await handle.close();
      await this.#on.unlink(path).catch(() => {});
      throw error;
    }
  }
}

export function slotName(slot: number): string {
  return `${String(slot).padStart(4, '0')}.seg`;
}

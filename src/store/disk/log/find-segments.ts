import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { messageOf, OperatorError } from '../../../base/index.ts';
import { seedOf } from './batch.ts';
import { FIRST_RECORD } from './layout.ts';
import { type ReadHandle, readWhole, type Unreadable } from './read-whole.ts';
import { decodeHeader, type SegmentHeader, saltOf } from './segment-header.ts';
import { goodBody, nextGood } from './segment-reader.ts';

/** A file of the log with all its bytes. */
export type FoundFile = {
  readonly slot: number;
  readonly path: string;
  readonly handle: ReadHandle;
  readonly size: number;
};

export type FoundSegment = FoundFile & {
  readonly header: SegmentHeader;
  /** The header could not be read: its records told which segment it is. */
  readonly guessed: boolean;
};

/** A file that is no segment of this log. */
export type StrangeFile = FoundFile & { readonly what: string };

export type FoundFiles = {
  /** In the order of their sequences. */
  readonly segments: readonly FoundSegment[];
  /** Files of zeroes, or that hold nothing that is wanted. */
  readonly free: readonly FoundFile[];
  readonly strange: readonly StrangeFile[];
  /** Files that cannot be opened at all. */
  readonly closed: readonly { readonly slot: number; readonly path: string; readonly what: string }[];
};

/** Which segments there must be: from the first that is wanted to the last that was synced. */
export type WantedSegments = { readonly first: number; readonly last: number };

const NOTHING = Buffer.alloc(FIRST_RECORD);

/**
 * Opens all files of a log and says what each is. A file whose header is damaged is looked at with the sequences that are
 * missing: the checksums of its records fit one of them. Throws an OperatorError for a newer version.
 */
export async function findSegments(
  folder: string,
  incarnation: string,
  wanted: WantedSegments | null,
  open: (path: string) => Promise<ReadHandle>,
): Promise<FoundFiles> {
  const segments: FoundSegment[] = [];
  const free: FoundFile[] = [];
  const strange: StrangeFile[] = [];
  const closed: { slot: number; path: string; what: string }[] = [];
  const headless: { readonly file: FoundFile; readonly block: Buffer; readonly unreadable: readonly Unreadable[] }[] =
    [];
  for (const name of (await readdir(folder)).sort()) {
    const slot = Number(/^(\d+)\.seg$/.exec(name)?.[1] ?? Number.NaN);
    if (Number.isNaN(slot)) continue;
    const path = join(folder, name);
    try {
      const handle = await open(path);
      const { size } = await handle.stat();
      const file: FoundFile = { slot, path, handle, size };
      const { bytes: block, unreadable } = await readWhole(handle, FIRST_RECORD);
      const header = decodeHeader(block);
      if (typeof header === 'number') {
        const what = `${path} is of version ${header}, which this Sonde does not know`;
        throw new OperatorError(what, 'Start a newer Sonde.');
      }
      if (header === null) headless.push({ file, block, unreadable });
      else if (header.incarnation === incarnation) {
        const same = segments.find((segment) => segment.header.sequence === header.sequence);
        if (same === undefined) segments.push({ ...file, header, guessed: false });
        else strange.push({ ...file, what: `it says that it is the same segment as ${same.path}` });
      } else strange.push({ ...file, what: 'it is of another store' });
    } catch (error) {
      if (error instanceof OperatorError) throw error;
      closed.push({ slot, path, what: `it cannot be opened: ${messageOf(error)}` });
    }
  }
  for (const { file, block, unreadable } of headless) {
    const salts = new Set([saltOf(incarnation), ...segments.map(({ header }) => header.salt)]);
    const is = await nameOf(file, missingFrom(segments, wanted), [...salts]);
    if (is !== null) segments.push({ ...file, header: { ...headerOf(incarnation, file.size), ...is }, guessed: true });
    else if (block.equals(NOTHING) && unreadable.length === 0) free.push(file);
    else strange.push({ ...file, what: 'its header cannot be read' });
  }
  return { segments: segments.sort((a, b) => a.header.sequence - b.header.sequence), free, strange, closed };
}

/** A header as it must have been; whether Sonde was started anew with it nobody knows. */
function headerOf(incarnation: string, bytes: number): Omit<SegmentHeader, 'sequence' | 'salt'> {
  return { incarnation, nextNumber: 1, bytes, anew: false, beforeEnd: 0 };
}

const MAX_MISSING = 10_000;

function missingFrom(segments: readonly FoundSegment[], wanted: WantedSegments | null): number[] {
  const known = new Set(segments.map(({ header }) => header.sequence));
  const first = wanted?.first ?? Math.min(...known);
  const last = Math.max(wanted?.last ?? 0, ...known);
  const missing: number[] = [];
  for (let sequence = first; sequence <= last && missing.length < MAX_MISSING; sequence++) {
    if (!known.has(sequence)) missing.push(sequence);
  }
  return missing;
}

/** Bytes of the beginning of a segment in which a good record tells which one it is. */
const LOOK_BYTES = 256 * 1024;

type Name = Pick<SegmentHeader, 'sequence' | 'salt'>;

async function nameOf(file: FoundFile, candidates: readonly number[], salts: readonly number[]): Promise<Name | null> {
  if (candidates.length === 0) return null;
  const { bytes } = await readWhole(file.handle, Math.min(file.size, LOOK_BYTES));
  // The first record, in nearly all cases; the others only where few segments are missing.
  const isFirstOnly = candidates.length > 16;
  for (const sequence of candidates) {
    for (const salt of salts) {
      const seed = seedOf({ sequence, salt });
      if (goodBody(bytes, FIRST_RECORD, seed) >= 0) return { sequence, salt };
      if (!isFirstOnly && nextGood(bytes, FIRST_RECORD + 8, seed) >= 0) return { sequence, salt };
    }
  }
  return null;
}

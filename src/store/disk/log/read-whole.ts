import { messageOf } from '../../../base/index.ts';
import type { LogHandle } from './segment-files.ts';

/** What reading needs of a file. */
export type ReadHandle = Pick<LogHandle, 'read' | 'stat' | 'close'>;

/** A stretch that the disk does not give. */
export type Unreadable = { readonly from: number; readonly to: number; readonly what: string };

const PIECE = 1024 * 1024;
const SECTOR = 4096;

/** Reads a file from its beginning. What cannot be read, or is not there, is zeroes; the first is told. Never rejects for it. */
export async function readWhole(
  handle: ReadHandle,
  size: number,
): Promise<{ readonly bytes: Buffer; readonly unreadable: readonly Unreadable[] }> {
  const bytes = Buffer.alloc(size);
  const unreadable: { from: number; to: number; what: string }[] = [];
  let piece = PIECE;
  for (let at = 0; at < size; ) {
    const length = Math.min(piece, size - at);
    try {
      const { bytesRead } = await handle.read(bytes, at, length, at);
      if (bytesRead === 0) break;
      at += bytesRead;
      if (at % PIECE === 0) piece = PIECE;
    } catch (error) {
      if (length > SECTOR) {
        // Somewhere in it: sector by sector up to its end.
        piece = SECTOR;
        continue;
      }
      const last = unreadable.at(-1);
      if (last?.to === at) last.to = at + length;
      else unreadable.push({ from: at, to: at + length, what: messageOf(error) });
      bytes.fill(0, at, at + length);
      at += length;
    }
  }
  return { bytes, unreadable };
}

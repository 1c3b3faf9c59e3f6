import { createHash } from 'node:crypto';
import { type FileHandle, open } from 'node:fs/promises';
import { systemCode } from './errors.ts';

/** So much at once: others have their turn in between. */
const PIECE_BYTES = 256 * 1024;

export type CopyOptions = {
  /** Bytes of the source; all of it when not given. */
  readonly end?: number;
  /** Stands in for the beginning. */
  readonly head?: Buffer;
  /** Ends it between two pieces, by its reason; what there is of the copy stays. */
  readonly stop?: AbortSignal | undefined;
};

/** Copies a file piece by piece into a new one, which only its owner may read, and syncs it. Makes none of what is not there. */
export async function copyFile(from: string, to: string, { end, head, stop }: CopyOptions = {}): Promise<void> {
  const source = await open(from, 'r');
  try {
    const target = await open(to, 'wx', 0o600);
    try {
      if (head !== undefined) await writeAll(target, head);
      await eachPiece(source, head?.length ?? 0, end ?? Number.POSITIVE_INFINITY, (piece) => {
        stop?.throwIfAborted();
        return writeAll(target, piece);
      });
      await target.sync();
    } finally {
      await target.close();
    }
  } finally {
    await source.close();
  }
}

/** SHA-256 of a file, in hex, and its size; until `stop`. */
export async function sumOf(
  path: string,
  stop?: AbortSignal,
): Promise<{ readonly bytes: number; readonly sha256: string }> {
  const hash = createHash('sha256');
  let bytes = 0;
  const source = await open(path, 'r');
  try {
    await eachPiece(source, 0, Number.POSITIVE_INFINITY, (piece) => {
      stop?.throwIfAborted();
      hash.update(piece);
      bytes += piece.length;
    });
  } finally {
    await source.close();
  }
  return { bytes, sha256: hash.digest('hex') };
}

async function eachPiece(
  source: FileHandle,
  start: number,
  end: number,
  take: (piece: Buffer) => Promise<void> | void,
): Promise<void> {
  const buffer = Buffer.allocUnsafe(PIECE_BYTES);
  for (let at = start; at < end; ) {
    const { bytesRead } = await source.read(buffer, 0, Math.min(PIECE_BYTES, end - at), at);
    if (bytesRead === 0) return;
    at += bytesRead;
    await take(buffer.subarray(0, bytesRead));
  }
}

async function writeAll(file: FileHandle, bytes: Buffer): Promise<void> {
  for (let done = 0; done < bytes.length; ) {
    const { bytesWritten } = await file.write(bytes, done, bytes.length - done);
    if (bytesWritten === 0) throw new Error('nothing could be written');
    done += bytesWritten;
  }
}

/** Makes the names in a folder durable. Windows and some file systems have no such call; a disk that fails is told of. */
export async function syncFolder(folder: string): Promise<void> {
  if (process.platform === 'win32') return;
  try {
    const handle = await open(folder, 'r');
    try {
      await handle.sync();
    } finally {
      await handle.close();
    }
  } catch (error) {
    const code = systemCode(error);
    if (code === 'EIO' || code === 'ENOSPC') throw error;
  }
}

import { type FileHandle, open } from 'node:fs/promises';
import type { ByteSource, JsonAnswer } from '../port.ts';
import type { Incoming } from './incoming.ts';

const FILE_READ_BYTES = 256 * 1024;
/** An answer up to here is one piece of memory. */
const WHOLE_BYTES = 192 * 1024;

/** An export's bytes, or those of the finished file that the history process names. Closing it stops the export. */
export async function download(incoming: Incoming): Promise<ByteSource> {
  const came = await closedOnError(incoming, () => incoming.next());
  // That it has begun comes another way than its bytes, which may overtake it: they are small, or this process is busy.
  const first = came.kind === 'piece' ? [Buffer.from(came.slab.buffer.subarray(0, came.slab.length))] : [];
  return sourceOf(incoming, first, came.kind === 'end');
}

/** An answer as JSON: whole where it is small. */
export function jsonAnswer(incoming: Incoming): Promise<JsonAnswer> {
  return closedOnError(incoming, async () => {
    const pieces: Buffer[] = [];
    let bytes = 0;
    for (;;) {
      const came = await incoming.next();
      if (came.kind === 'end') break;
      if (came.kind !== 'piece') continue;
      const { buffer, length } = came.slab;
      pieces.push(Buffer.from(buffer.subarray(0, length)));
      bytes += length;
      if (bytes > WHOLE_BYTES) return { truncated: incoming.truncated, body: sourceOf(incoming, pieces) };
    }
    incoming.close();
    return { truncated: incoming.truncated, body: pieces.length === 1 ? pieces[0]! : Buffer.concat(pieces, bytes) };
  });
}

async function closedOnError<T>(incoming: Incoming, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    incoming.close();
    throw error;
  }
}

/** `first`, then what else comes. The history process removes its file when it hears that nobody wants it any more. */
function sourceOf(incoming: Incoming, first: Buffer[], isWhole = false): ByteSource {
  let file: FileSource | null = null;
  let closed = false;
  return {
    next: async () => {
      const ready = first.shift();
      if (ready !== undefined) return ready;
      if (file !== null) return file.next();
      if (isWhole) return null;
      let came = await incoming.next();
      if (came.kind === 'answer') came = await incoming.next();
      if (came.kind === 'piece') return came.slab.buffer.subarray(0, came.slab.length);
      if (came.kind !== 'file') return null;
      file = new FileSource(await open(came.path, 'r'));
      if (closed) file.close();
      return file.next();
    },
    close: () => {
      closed = true;
      first.length = 0;
      incoming.close();
      file?.close();
    },
  };
}

/** A file's bytes, through one buffer. */
class FileSource {
  readonly #file: FileHandle;
  readonly #buffer = Buffer.allocUnsafeSlow(FILE_READ_BYTES);
  #closed = false;

  constructor(file: FileHandle) {
    this.#file = file;
  }

  async next(): Promise<Uint8Array | null> {
    if (this.#closed) return null;
    const { bytesRead } = await this.#file.read(this.#buffer, 0, FILE_READ_BYTES);
    return bytesRead === 0 ? null : this.#buffer.subarray(0, bytesRead);
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    void this.#file.close().catch(() => {});
  }
}

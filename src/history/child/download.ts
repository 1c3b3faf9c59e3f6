import { type FileHandle, open } from 'node:fs/promises';
import { Readable } from 'node:stream';
import type { JsonAnswer } from '../port.ts';
import type { Incoming } from './incoming.ts';

const READ_BYTES = 256 * 1024;
/** An answer up to here is one piece of memory. */
const WHOLE_BYTES = 192 * 1024;

/** An export as a stream: at its reader's pace, or from a finished file. Destroying the stream stops the export. */
export async function download(incoming: Incoming): Promise<Readable> {
  try {
    await incoming.next(); // It has begun.
  } catch (error) {
    incoming.close();
    throw error;
  }
  return streamOf(incoming, []);
}

/** An answer as JSON: whole where it is small, else a stream. */
export async function jsonAnswer(incoming: Incoming): Promise<JsonAnswer> {
  const pieces: Uint8Array[] = [];
  let bytes = 0;
  let truncated = false;
  try {
    for (;;) {
      const came = await incoming.next();
      if (came.kind === 'end') break;
      if (came.kind !== 'piece') continue;
      truncated ||= came.truncated;
      pieces.push(came.bytes);
      bytes += came.bytes.length;
      if (bytes > WHOLE_BYTES) return { truncated, body: streamOf(incoming, pieces) };
    }
  } catch (error) {
    incoming.close();
    throw error;
  }
  incoming.close();
  return { truncated, body: Buffer.concat(pieces, bytes) };
}

function streamOf(incoming: Incoming, first: readonly Uint8Array[]): Readable {
  async function* chunks(): AsyncGenerator<Uint8Array> {
    yield* first;
    for (;;) {
      const came = await incoming.next();
      if (came.kind === 'piece') yield came.bytes;
      else if (came.kind === 'file') {
        yield* fileChunks(came.path);
        return;
      } else if (came.kind === 'end') return;
    }
  }
  const source = chunks();
  return new Readable({
    highWaterMark: READ_BYTES,
    read() {
      source.next().then(
        ({ done, value }) => this.push(done === true ? null : value),
        (error: Error) => this.destroy(error),
      );
    },
    destroy(error, done) {
      // Wakes what waits in `source`. The history process removes its file when it hears that nobody wants it any more.
      incoming.close();
      void source.return(undefined);
      done(error);
    },
  });
}

async function* fileChunks(path: string): AsyncGenerator<Uint8Array> {
  let file: FileHandle | null = null;
  try {
    file = await open(path, 'r');
    for (;;) {
      const { bytesRead, buffer } = await file.read(Buffer.allocUnsafe(READ_BYTES), 0, READ_BYTES);
      if (bytesRead === 0) return;
      yield buffer.subarray(0, bytesRead);
    }
  } finally {
    await file?.close().catch(() => {});
  }
}

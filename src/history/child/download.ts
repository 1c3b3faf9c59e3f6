import { type FileHandle, open, unlink } from 'node:fs/promises';
import { Readable } from 'node:stream';
import { type ExportQuery, HistoryError } from '../port.ts';
import type { FromProcess, ToProcess } from '../protocol.ts';
import type { Calls } from './calls.ts';

/** Chunks that may be on their way at once: enough to keep both sides busy, little enough to be bounded. */
const WINDOW = 4;
const READ_BYTES = 256 * 1024;

/**
 * An export as a stream. The history process sends a chunk only when one is asked for, or it names a finished file,
 * which is read here and removed. Destroying the stream stops the export there.
 */
export async function download(
  calls: Calls,
  send: (message: ToProcess) => boolean,
  query: ExportQuery,
): Promise<Readable> {
  const arrived: FromProcess[] = [];
  let wake: (() => void) | null = null;
  let finished = false;

  const { id } = await calls.ask({ name: 'export', query }, (message) => {
    arrived.push(message);
    wake?.();
  });

  const nextMessage = async (): Promise<FromProcess | null> => {
    while (arrived.length === 0 && !finished) {
      await new Promise<void>((resolve) => {
        wake = resolve;
      });
    }
    return arrived.shift() ?? null;
  };

  async function* chunks(): AsyncGenerator<Uint8Array> {
    send({ kind: 'pull', id, chunks: WINDOW });
    for (;;) {
      const message = await nextMessage();
      if (message === null || message.kind === 'end') return;
      if (message.kind === 'failure') throw new HistoryError(message.code, message.text);
      if (message.kind === 'data') {
        yield message.bytes;
        send({ kind: 'pull', id, chunks: 1 });
      } else if (message.kind === 'file') {
        yield* fileChunks(message.path);
        return;
      }
    }
  }

  const stream = Readable.from(chunks(), { objectMode: false, highWaterMark: READ_BYTES });
  stream.once('close', () => {
    finished = true;
    calls.forget(id);
    send({ kind: 'cancel', id });
    for (const message of arrived) if (message.kind === 'file') void unlink(message.path).catch(() => {});
    wake?.();
  });
  return stream;
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
    await unlink(path).catch(() => {});
  }
}

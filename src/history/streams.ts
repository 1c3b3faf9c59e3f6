import type { Writable } from 'node:stream';
import { frameHeader } from './frames.ts';
import { HistoryError } from './port.ts';
import type { FromProcess } from './protocol.ts';

/** Bytes of one answer on their way out of the history process, at the pace of who reads them. */
export type Stream = {
  /** Aborted when nobody wants it any more; its reason is a HistoryError. */
  readonly signal: AbortSignal;
  /** Resolves when the bytes are handed to the pipe, which is not before the reader has room. Rejects once it is aborted. */
  readonly send: (bytes: Uint8Array, truncated?: boolean) => Promise<void>;
  /** The answer is whole. */
  readonly end: () => void;
  /** Nothing more comes of it. Called once, however it ended. */
  readonly close: () => void;
};

export type Streams = {
  readonly open: (id: number) => Stream;
  /** The reader has room for so many bytes more. */
  readonly pull: (id: number, bytes: number) => void;
  /** Nobody wants it any more. */
  readonly cancel: (id: number) => void;
  readonly close: () => void;
};

/** What a reader takes before it has asked for more: most answers are whole by then. */
export const FIRST_BYTES = 256 * 1024;

type Running = { room: number; pulledAtMs: number; wake: (() => void) | null; readonly abort: AbortController };

const STALL_CHECK_MS = 5000;

/** The answers that are under way. One whose reader has taken nothing for `stallMs` is stopped. */
export function createStreams(pipe: Writable, stallMs: number, say: (message: FromProcess) => void): Streams {
  const running = new Map<number, Running>();

  const stop = (id: number, error: HistoryError): void => {
    const one = running.get(id);
    one?.abort.abort(error);
    one?.wake?.();
  };

  const stallCheck = setInterval(() => {
    for (const [id, { room, pulledAtMs }] of running) {
      if (room > 0 || performance.now() - pulledAtMs < stallMs) continue;
      const text = 'the answer was stopped: nobody read it';
      say({ kind: 'failure', id, code: 'timeout', text });
      stop(id, new HistoryError('timeout', text));
    }
  }, STALL_CHECK_MS);

  return {
    open: (id) => {
      const one: Running = {
        room: FIRST_BYTES,
        pulledAtMs: performance.now(),
        wake: null,
        abort: new AbortController(),
      };
      const { signal } = one.abort;
      running.set(id, one);
      return {
        signal,
        send: async (bytes, truncated = false) => {
          if (bytes.length === 0) return; // That would be the end.
          while (one.room <= 0 && !signal.aborted) {
            await new Promise<void>((resolve) => {
              one.wake = resolve;
            });
          }
          signal.throwIfAborted();
          one.room -= bytes.length;
          pipe.cork();
          pipe.write(frameHeader(id, bytes.length, truncated));
          pipe.write(bytes);
          pipe.uncork();
        },
        end: () => void pipe.write(frameHeader(id, 0, false)),
        close: () => void running.delete(id),
      };
    },
    pull: (id, bytes) => {
      const one = running.get(id);
      if (one === undefined) return;
      one.room += bytes;
      one.pulledAtMs = performance.now();
      one.wake?.();
      one.wake = null;
    },
    cancel: (id) => stop(id, new HistoryError('failed', 'nobody wanted the answer any more')),
    close: () => {
      clearInterval(stallCheck);
      for (const id of running.keys()) stop(id, new HistoryError('unavailable', 'history is stopping'));
    },
  };
}

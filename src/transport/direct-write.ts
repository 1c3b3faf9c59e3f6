import type net from 'node:net';
import { type StreamHandle, streamBinding, type WriteRequest } from '../base/index.ts';

/** Tries to hand one buffer to the kernel: true: all of it is gone; false: `onWritten` will say so; null: not possible. */
export type DirectWrite = (bytes: Buffer) => boolean | null;

/** Whether this Node lets us write past its stream layer. */
export const hasDirectWrite = streamBinding !== null;

/**
 * Writes to a socket past the stream on top of it, which costs a third of a small write: one request object serves all
 * writes that the kernel takes at once, and these need no callback and no tick. The caller gives one buffer at a time and
 * waits for `onWritten` where the answer was false; meanwhile it writes nothing by the stream either, nor this way while the
 * stream still has something. Answers null where Node does not allow it: then the stream is the way.
 */
export function directWriter(socket: net.Socket, onWritten: () => void): DirectWrite {
  // Kept, because asking the socket for it each time costs as much as a cache miss. A closed handle answers with an error.
  const handle = (socket as unknown as { readonly _handle: StreamHandle | null })._handle;
  if (streamBinding === null || !handle?.writeBuffer) return () => null;
  const { WriteWrap, streamBaseState, kLastWriteWasAsync } = streamBinding;
  const writeBuffer = handle.writeBuffer;
  let request = newRequest(WriteWrap);

  return (bytes) => {
    const error = writeBuffer.call(handle, request, bytes);
    if (error !== 0) {
      socket.destroy();
      return false;
    }
    if (streamBaseState[kLastWriteWasAsync] === 0) return true;
    // The kernel took a part; libuv writes the rest and then calls back. The request belongs to it until then.
    const pending = request;
    request = newRequest(WriteWrap);
    pending.buffer = bytes;
    pending.oncomplete = (status) => {
      pending.buffer = null;
      if (status < 0) socket.destroy();
      else onWritten();
    };
    return false;
  };
}

function newRequest(WriteWrap: new () => WriteRequest): WriteRequest {
  const request = new WriteWrap();
  request.oncomplete = null;
  request.buffer = null;
  return request;
}

import type net from 'node:net';
import { type StreamHandle, streamBinding, type WriteRequest } from '../base/index.ts';

/** Whether this Node lets us write past its stream layer. */
export const hasDirectWrite = streamBinding !== null;

/** What a socket is written by past its stream; null: this Node does not allow it, the stream is the way. */
export type DirectHandle = Required<Pick<StreamHandle, 'writeBuffer'>>;

/** Whose bytes they are. */
export type DirectWriter = {
  /** What `writeDirect` did not get rid of at once is gone now. */
  onWritten(): void;
  /** The connection is broken. */
  destroy(): void;
};

/** The way past the stream of a socket that is open. Kept by the caller: a closed handle answers with an error. */
export function directHandleOf(socket: net.Socket): DirectHandle | null {
  const handle = (socket as unknown as { readonly _handle: StreamHandle | null })._handle;
  return streamBinding === null || !handle?.writeBuffer ? null : (handle as DirectHandle);
}

/** Serves all writes of all sockets that the kernel takes at once: most of them. */
let spare = newRequest();

/**
 * Hands one buffer to the kernel past the stream on top of the socket, which costs a third of a small write: one request
 * object serves all writes that the kernel takes at once, and these need no callback and no tick. The caller gives one buffer
 * at a time and waits for `onWritten` where the answer was false; meanwhile it writes nothing by the stream either, nor
 * this way while the stream still has something.
 */
export function writeDirect(handle: DirectHandle, bytes: Buffer, writer: DirectWriter): boolean {
  const error = handle.writeBuffer(spare, bytes);
  if (error !== 0) {
    writer.destroy();
    return false;
  }
  if (streamBinding?.streamBaseState[streamBinding.kLastWriteWasAsync] === 0) return true;
  // The kernel took a part; libuv writes the rest and then calls back. The request belongs to it until then.
  const pending = spare;
  spare = newRequest();
  pending.buffer = bytes;
  pending.oncomplete = (status) => {
    pending.buffer = null;
    if (status < 0) writer.destroy();
    else writer.onWritten();
  };
  return false;
}

function newRequest(): WriteRequest {
  if (streamBinding === null) return { oncomplete: null, buffer: null };
  const request = new streamBinding.WriteWrap();
  request.oncomplete = null;
  request.buffer = null;
  return request;
}

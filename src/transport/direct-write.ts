import type net from 'node:net';

/** Tries to hand one buffer to the kernel: true: all of it is gone; false: `onWritten` will say so; null: not possible. */
export type DirectWrite = (bytes: Buffer) => boolean | null;

/** What Node's own streams write with. Private, so that every part of it may be missing in another Node. */
type StreamBinding = {
  readonly WriteWrap: new () => WriteRequest;
  readonly streamBaseState: Int32Array;
  readonly kLastWriteWasAsync: number;
};
type WriteRequest = { oncomplete: ((status: number) => void) | null; buffer: Buffer | null };
type StreamHandle = { readonly writeBuffer?: (request: WriteRequest, bytes: Buffer) => number };

const binding = findBinding();

/** Whether this Node lets us write past its stream layer. */
export const hasDirectWrite = binding !== null;

/**
 * Writes to a socket past the stream on top of it, which costs a third of a small write: one request object serves all
 * writes that the kernel takes at once, and these need no callback and no tick. The caller gives one buffer at a time and
 * waits for `onWritten` where the answer was false; meanwhile it writes nothing by the stream either. Answers null where
 * Node does not allow it: then the stream is the way.
 */
export function directWriter(socket: net.Socket, onWritten: () => void): DirectWrite {
  if (binding === null) return () => null;
  const { WriteWrap, streamBaseState, kLastWriteWasAsync } = binding;
  let request = newRequest(WriteWrap);

  return (bytes) => {
    const handle = (socket as unknown as { _handle: StreamHandle | null })._handle;
    if (!handle?.writeBuffer || socket.writableLength > 0) return null;
    const error = handle.writeBuffer(request, bytes);
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

function newRequest(WriteWrap: StreamBinding['WriteWrap']): WriteRequest {
  const request = new WriteWrap();
  request.oncomplete = null;
  request.buffer = null;
  return request;
}

function findBinding(): StreamBinding | null {
  try {
    const { binding: load } = process as unknown as { binding: (name: string) => Partial<StreamBinding> };
    const found = load('stream_wrap');
    const complete =
      typeof found.WriteWrap === 'function' &&
      found.streamBaseState instanceof Int32Array &&
      typeof found.kLastWriteWasAsync === 'number';
    return complete ? (found as StreamBinding) : null;
  } catch {
    return null;
  }
}

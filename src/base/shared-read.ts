import net from 'node:net';
import { type StreamHandle, streamBinding } from './stream-binding.ts';

/** Bytes that are read at once, at most. One buffer serves all sockets: what arrives is used up before the next read. */
const READ_BYTES = 64 * 1024;
const shared = Buffer.allocUnsafeSlow(READ_BYTES);

/** Who takes what a socket reads. */
export type BytesReader = {
  /** Bytes chunk[0..length) came. They are the reader's until it returns. */
  receive(chunk: Buffer, length: number): void;
  /** Nothing more comes. What is done about it may be put off by calling `goOn` later. */
  ended?(goOn: () => void): void;
};

/**
 * Reads a socket that nobody reads yet (accepted with `pauseOnConnect`, or a pipe of a child process) into the shared
 * buffer, without a stream and without 64 KiB of garbage a read (a quarter less CPU for each read). `readerFor` is given the
 * socket to go on with and answers who takes the bytes; null: nobody, and nothing is read. Node documents the `onread` option
 * for outgoing sockets only, and any other must be wrapped anew for it by way of its private handle; where that is not
 * there, the socket is read as a stream. Returns the socket to go on with.
 */
export function readShared(accepted: net.Socket, readerFor: (socket: net.Socket) => BytesReader | null): net.Socket {
  const holder = accepted as unknown as { _handle: unknown };
  const handle = holder._handle;
  if (!handle) {
    const reader = readerFor(accepted);
    accepted.on('data', (chunk: Buffer) => reader?.receive(chunk, chunk.length));
    accepted.resume();
    return accepted;
  }
  holder._handle = null;
  accepted.destroy();
  let reader: BytesReader | null = null;
  const options = {
    handle,
    onread: {
      buffer: shared,
      callback: (length: number, buffer: Buffer) => {
        reader?.receive(buffer, length);
        return true;
      },
    },
  };
  const socket = new net.Socket(options as unknown as net.SocketConstructorOpts);
  reader = readerFor(socket);
  if (reader === null) return socket;
  readPastStream(handle as StreamHandle, reader);
  socket.read(0);
  socket.resume();
  return socket;
}

/**
 * Bytes come straight from the handle: Node's own callback looks at a dozen fields of the socket for each read, which cost a
 * microsecond where a thousand sockets take turns in the processor's cache. The end and errors go Node's way.
 */
function readPastStream(handle: StreamHandle, reader: BytesReader): void {
  const ofNode = handle.onread;
  if (streamBinding === null || ofNode === undefined) return;
  const { streamBaseState, kReadBytesOrError } = streamBinding;
  handle.onread = function (bytes) {
    const length = streamBaseState[kReadBytesOrError] as number;
    if (length < 0 && bytes === undefined && reader.ended) {
      reader.ended(() => {
        streamBaseState[kReadBytesOrError] = length;
        ofNode.call(this, bytes);
      });
      return undefined;
    }
    if (length <= 0 || bytes !== undefined) return ofNode.call(this, bytes);
    reader.receive(shared, length);
    return undefined;
  };
}

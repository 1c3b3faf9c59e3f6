import type { Duplex } from 'node:stream';

/** What one read of a socket brings, which may be many whole messages. */
const READ_BYTES = 64 * 1024;

/** Counts what a WebSocket keeps of a message that is not whole yet, until its client is known. */
export type UnfinishedMessage = {
  /** A whole message came: it is the broker's to bound. */
  readonly whole: () => void;
  /** The client has signed in: from now on messages may be as large as packets may. */
  readonly signedIn: () => void;
};

/**
 * `ws` hands out a message only when it is whole, and its bound holds for the life of a connection: a stranger could leave so
 * much of it in memory. Calls back, once, when more than `maxBytes` and one read have come without a whole message.
 */
export function watchUnfinished(socket: Duplex, maxBytes: number, tooMuch: () => void): UnfinishedMessage {
  let bytes = 0;
  const onData = (chunk: Buffer): void => {
    bytes += chunk.length;
    if (bytes <= maxBytes + READ_BYTES) return;
    socket.off('data', onData);
    tooMuch();
  };
  socket.on('data', onData);
  return {
    whole() {
      bytes = 0;
    },
    signedIn: () => void socket.off('data', onData),
  };
}

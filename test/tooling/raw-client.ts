import { connect, type Socket } from 'node:net';
import { waitFor } from './wait.ts';

/** A TCP connection that a test drives byte by byte. */
export type RawClient = {
  readonly socket: Socket;
  /** Sends in one write. */
  readonly send: (bytes: Uint8Array) => void;
  /** Sends every byte in a write of its own, each after the one before has left. */
  readonly sendSlowly: (bytes: Uint8Array) => Promise<void>;
  /** The next `length` bytes that the broker sent; throws when they do not come. */
  readonly take: (length: number, withinMs?: number) => Promise<Buffer>;
  /** What the broker sent and nobody took. */
  readonly pending: () => Buffer;
  /** Resolves when the broker has closed the connection. */
  readonly closed: (withinMs?: number) => Promise<void>;
  readonly destroy: () => void;
};

/** Opens a raw connection to a port of loopback. */
export async function openRaw(port: number): Promise<RawClient> {
  const socket = connect({ host: '127.0.0.1', port, noDelay: true });
  let received = Buffer.alloc(0);
  let isClosed = false;
  socket.on('data', (chunk) => {
    received = Buffer.concat([received, chunk]);
  });
  await new Promise<void>((resolve, reject) => {
    socket.once('error', reject);
    socket.once('connect', () => resolve());
  });
  socket.on('error', () => {});
  socket.on('close', () => {
    isClosed = true;
  });
  return {
    socket,
    send: (bytes) => socket.write(bytes),
    sendSlowly: async (bytes) => {
      for (const byte of bytes) {
        await new Promise<void>((resolve, reject) =>
          socket.write(Buffer.of(byte), (error) => (error ? reject(error) : setImmediate(resolve))),
        );
      }
    },
    take: async (length, withinMs = 5000) => {
      try {
        await waitFor(`${length} bytes`, () => received.length >= length, withinMs);
      } catch (error) {
        throw new Error(`got ${received.length} of ${length} bytes: ${received.toString('hex')}`, { cause: error });
      }
      const taken = received.subarray(0, length);
      received = received.subarray(length);
      return taken;
    },
    pending: () => received,
    closed: async (withinMs = 5000) => {
      await waitFor('the broker to close the connection', () => isClosed, withinMs);
    },
    destroy: () => socket.destroy(),
  };
}

/** Bytes written as people read them: hexadecimal with blanks. */
export function hex(text: string): Buffer {
  return Buffer.from(text.replace(/\s+/g, ''), 'hex');
}

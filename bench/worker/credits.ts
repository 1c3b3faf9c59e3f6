import { connect, createServer, type Server, type Socket } from 'node:net';
import { join } from 'node:path';

/*
 * Credits between generator processes: over a Unix socket, records of twelve bytes (worker, publisher, reached; little-endian),
 * gathered per event-loop turn. "reached" is a running total, so a later record replaces an earlier one.
 */
const RECORD = 12;

/** Sends credits to one process. */
export type CreditSender = {
  readonly put: (publisher: number, reached: number) => void;
  readonly close: () => void;
};

/** Where the process `worker` listens for credits. */
export function creditPath(folder: string, worker: number): string {
  return join(folder, `credits-${worker}.sock`);
}

/** Listens for credits; `turnEnd` is called after each piece that was read. */
export async function listenForCredits(
  path: string,
  credit: (publisher: number, worker: number, reached: number) => void,
  turnEnd: () => void,
): Promise<Server> {
  const server = createServer((socket) => {
    let tail: Buffer = Buffer.alloc(0);
    socket.on('error', () => socket.destroy());
    socket.on('data', (chunk: Buffer) => {
      const bytes = tail.length === 0 ? chunk : Buffer.concat([tail, chunk]);
      let at = 0;
      for (; at + RECORD <= bytes.length; at += RECORD) {
        credit(bytes.readUInt32LE(at + 4), bytes.readUInt32LE(at), bytes.readUInt32LE(at + 8));
      }
      tail = bytes.subarray(at);
      turnEnd();
    });
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(path, resolve);
  });
  return server;
}

/** Connects to the process that listens on `path`; `worker` is the sender's own number. */
export async function openCreditSender(
  path: string,
  worker: number,
  fault: (text: string) => void,
): Promise<CreditSender> {
  const socket: Socket = connect(path);
  await new Promise<void>((resolve, reject) => {
    socket.once('connect', resolve);
    socket.once('error', reject);
  });
  let closed = false;
  const lost = (): void => {
    if (!closed) fault('the credit channel between two generator processes broke');
    closed = true;
  };
  socket.on('error', lost);
  socket.on('close', lost);
  const waiting = new Map<number, number>();
  const flush = (): void => {
    const bytes = Buffer.allocUnsafe(waiting.size * RECORD);
    let at = 0;
    for (const [publisher, reached] of waiting) {
      bytes.writeUInt32LE(worker, at);
      bytes.writeUInt32LE(publisher, at + 4);
      bytes.writeUInt32LE(reached, at + 8);
      at += RECORD;
    }
    waiting.clear();
    socket.write(bytes);
  };
  return {
    put: (publisher, reached) => {
      if (waiting.size === 0) setImmediate(flush);
      waiting.set(publisher, reached);
    },
    close: () => {
      closed = true;
      socket.destroy();
    },
  };
}

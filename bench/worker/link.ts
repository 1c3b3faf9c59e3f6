import { connect, type Socket } from 'node:net';
import { CONNACK, DISCONNECT_PACKET, encodeConnect, encodeSubscribe, type LoadQos, SUBACK } from '../wire/encode.ts';
import { createFraming, feed, type PacketHandler } from '../wire/framing.ts';

/** What the owner of a link is told. `chunkEnd` comes once for each read, after its packets. */
export type LinkEvents = {
  readonly chunkStart: () => void;
  readonly packet: PacketHandler;
  readonly chunkEnd: () => void;
  /** The connection cannot go on; the text says why. Not called after `close`. */
  readonly fault: (text: string) => void;
};

/** One MQTT connection of the generator. */
export type Link = {
  readonly socket: Socket;
  readonly subscribe: (filter: string, qos: LoadQos) => Promise<void>;
  readonly close: () => void;
};

// One read buffer for all sockets of the process: libuv reads and calls back within one step, and `feed` copies what it keeps.
const READ_BUFFER = Buffer.allocUnsafeSlow(64 * 1024);

/** Connects and waits for CONNACK. Rejects when the broker refuses or closes. */
export async function openLink(port: number, clientId: string, events: LinkEvents, clean = true): Promise<Link> {
  const framing = createFraming();
  let waiting: { readonly type: number; readonly settle: (fault: string) => void } | null = null;
  let closed = false;

  const fail = (text: string): void => {
    if (closed) return;
    closed = true;
    socket.destroy();
    if (waiting) waiting.settle(text);
    else events.fault(`${clientId}: ${text}`);
  };
  const answer = (first: number, buffer: Uint8Array, start: number, end: number): void => {
    const code = (first >> 4 === CONNACK ? buffer[start + 1] : buffer[end - 1]) ?? 255;
    const refused = first >> 4 === CONNACK ? code !== 0 : code >= 0x80;
    waiting?.settle(refused ? `refused with code ${code}` : '');
    waiting = null;
  };
  const handle: PacketHandler = (first, buffer, start, end) => {
    if (waiting?.type === first >> 4) answer(first, buffer, start, end);
    else events.packet(first, buffer, start, end);
  };
  const read = (length: number, buffer: Uint8Array): boolean => {
    try {
      events.chunkStart();
      feed(framing, buffer, length, handle);
      events.chunkEnd();
    } catch (error) {
      fail(error instanceof Error ? error.message : String(error));
    }
    return true;
  };
  const request = (type: number, bytes: Uint8Array): Promise<void> =>
    new Promise((resolve, reject) => {
      waiting = { type, settle: (fault) => (fault === '' ? resolve() : reject(new Error(`${clientId}: ${fault}`))) };
      socket.write(bytes);
    });

  const socket = connect({ host: '127.0.0.1', port, noDelay: true, onread: { buffer: READ_BUFFER, callback: read } });
  socket.on('error', (error) => fail(error.message));
  socket.on('close', () => fail('the broker closed the connection'));
  await request(CONNACK, encodeConnect(clientId, clean));
  return {
    socket,
    subscribe: (filter, qos) => request(SUBACK, encodeSubscribe(filter, qos)),
    close: () => {
      closed = true;
      if (!socket.destroyed) socket.end(DISCONNECT_PACKET);
      setTimeout(() => socket.destroy(), 500).unref();
    },
  };
}

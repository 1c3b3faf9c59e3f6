import type net from 'node:net';
import type { Remote } from '../access/index.ts';
import { type Logger, messageOf, readShared } from '../base/index.ts';
import type { Broker, Connection, Wire } from '../broker/index.ts';
import { directWriter } from './direct-write.ts';
import type { ListenerRules } from './listener.ts';

/** How long a connection that we ended may take to close before it is cut. */
const CLOSE_GRACE_MS = 2000;
/** TCP's own probes find peers that vanished without a word: devices with keep-alive 0 are common. */
const PROBE_AFTER_MS = 60_000;

/** How a socket is read and written. */
export type Way =
  /** Past the stream on top of it, both ways. Nobody has read from it yet. */
  | 'direct'
  /** Past the stream where it is written; something has come by the stream already. */
  | 'read'
  /** By the stream: TLS. */
  | 'stream';

/** Makes an accepted socket a connection of the broker. Returns the socket to go on with. */
export function openSocket(
  broker: Broker,
  logger: Logger,
  accepted: net.Socket,
  remote: Remote,
  rules: ListenerRules,
  way: Way,
): net.Socket {
  let connection: Connection | null = null;
  let socket = accepted;
  if (way === 'direct') socket = readShared(accepted, (bytes, length) => connection?.receive(bytes, length));
  else socket.on('data', (chunk: Buffer) => connection?.receive(chunk, chunk.length));
  socket.setNoDelay(true);
  socket.setKeepAlive(true, PROBE_AFTER_MS);
  connection = broker.open(socketWire(socket, remote, rules, way, () => connection?.onWritten()));
  if (connection === null) {
    socket.destroy();
    return socket;
  }
  const opened = connection;
  socket.on('error', (error) => {
    logger.debug({ client: opened.name, address: remote.address, error: messageOf(error) }, 'connection lost');
  });
  socket.on('end', () => socket.end());
  socket.on('close', () => opened.onClosed());
  return socket;
}

/** A socket as the broker's byte stream. */
function socketWire(socket: net.Socket, remote: Remote, limits: ListenerRules, way: Way, onWritten: () => void): Wire {
  const written = (): void => {
    if (socket.writableLength === 0) onWritten();
  };
  const writeDirect = way === 'stream' ? null : directWriter(socket, onWritten);
  return {
    remote,
    limits,
    write(buffers) {
      if (buffers.length === 1) {
        const gone = writeDirect === null ? null : writeDirect(buffers[0] as Buffer);
        if (gone !== null) return gone;
        socket.write(buffers[0] as Buffer, written);
      } else {
        socket.cork();
        const last = buffers.length - 1;
        for (let i = 0; i < last; i++) socket.write(buffers[i] as Buffer);
        socket.write(buffers[last] as Buffer, written);
        socket.uncork();
      }
      // libuv tries the system call at once: nothing left means that the kernel has it all.
      return socket.writableLength === 0;
    },
    pause: () => void socket.pause(),
    resume: () => void socket.resume(),
    end() {
      socket.end();
      // What is still coming is not read any more, but must not keep the socket open.
      socket.resume();
      setTimeout(() => socket.destroy(), CLOSE_GRACE_MS).unref();
    },
    destroy: () => void socket.destroy(),
  };
}

import type net from 'node:net';
import type { Remote } from '../access/index.ts';
import { type BytesReader, type Logger, messageOf, readShared } from '../base/index.ts';
import type { Broker, Connection, Wire } from '../broker/index.ts';
import { type DirectHandle, directHandleOf, writeDirect } from './direct-write.ts';
import type { ListenerRules } from './listener.ts';
import type { Place } from './pacing.ts';
import type { Holder } from './silent.ts';

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
  place: Place,
): net.Socket {
  const open = (socket: net.Socket): BytesReader | null => {
    socket.setNoDelay(true);
    socket.setKeepAlive(true, PROBE_AFTER_MS);
    const wire = new SocketWire(socket, remote, rules, place, way === 'stream' ? null : directHandleOf(socket));
    const connection = broker.open(wire);
    if (connection === null) {
      place.leave();
      socket.destroy();
      return null;
    }
    wire.connection = connection;
    place.heldBy(wire);
    socket.on('error', (error) => {
      logger.debug({ client: connection.name, address: remote.address, error: messageOf(error) }, 'connection lost');
    });
    const end = (): void => {
      if (!socket.writableEnded) socket.end(); // a second end makes an error, with its stack
    };
    socket.on('end', () => (way === 'direct' ? end() : connection.ended(end)));
    socket.on('close', () => {
      place.leave();
      connection.onClosed();
    });
    return connection;
  };
  if (way === 'direct') return readShared(accepted, open);
  const reader = open(accepted);
  if (reader !== null) accepted.on('data', (chunk: Buffer) => reader.receive(chunk, chunk.length));
  return accepted;
}

/** A socket as the broker's byte stream. */
class SocketWire implements Wire, Holder {
  readonly remote: Remote;
  readonly limits: ListenerRules;
  connection: Connection | null = null;
  /** Null: it is written by its stream. */
  readonly #handle: DirectHandle | null;
  readonly #socket: net.Socket;
  readonly #place: Place;

  constructor(socket: net.Socket, remote: Remote, limits: ListenerRules, place: Place, handle: DirectHandle | null) {
    this.remote = remote;
    this.limits = limits;
    this.#place = place;
    this.#handle = handle;
    this.#socket = socket;
  }

  write(buffers: readonly Buffer[]): boolean {
    if (this.#handle !== null && buffers.length === 1) return writeDirect(this.#handle, buffers[0] as Buffer, this);
    return this.#writeByStream(buffers);
  }

  #writeByStream(buffers: readonly Buffer[]): boolean {
    const socket = this.#socket;
    const last = buffers.length - 1;
    socket.cork();
    for (let i = 0; i < last; i++) socket.write(buffers[i] as Buffer);
    socket.write(buffers[last] as Buffer, () => {
      if (socket.writableLength === 0) this.onWritten();
    });
    socket.uncork();
    // libuv tries the system call at once: nothing left means that the kernel has it all.
    return socket.writableLength === 0;
  }

  isSilent(): boolean {
    return this.connection?.owesConnect === true;
  }

  signedIn(): void {
    this.#place.leave();
  }

  onWritten(): void {
    this.connection?.onWritten();
  }

  pause(): void {
    this.#socket.pause();
  }

  resume(): void {
    this.#socket.resume();
  }

  end(): void {
    const socket = this.#socket;
    socket.end();
    // What is still coming is not read any more, but must not keep the socket open.
    socket.resume();
    setTimeout(() => socket.destroy(), CLOSE_GRACE_MS).unref();
  }

  destroy(): void {
    this.#socket.destroy();
  }
}

import net from 'node:net';
import type { Remote } from '../access/index.ts';
import { isLocal } from '../access/index.ts';
import { type Logger, messageOf, readShared } from '../base/index.ts';
import type { Broker, Connection, Wire } from '../broker/index.ts';
import { directWriter } from './direct-write.ts';
import { type Listener, listen } from './listen.ts';

/** How long a connection that we ended may take to close before it is cut. */
const CLOSE_GRACE_MS = 2000;
/** TCP's own probes find peers that vanished without a word: devices with keep-alive 0 are common. */
const PROBE_AFTER_MS = 60_000;

export type TcpOptions = {
  readonly broker: Broker;
  readonly logger: Logger;
  /** null: every interface. */
  readonly host: string | null;
  /** 0: one that the system picks. */
  readonly port: number;
};

/** Opens a listener for MQTT over TCP. */
export function listenTcp(options: TcpOptions): Promise<Listener> {
  const { broker, logger, host, port } = options;
  const server = net.createServer({ pauseOnConnect: true, noDelay: true }, (accepted) => {
    accept(broker, logger, accepted);
  });
  return listen(server, host, port, 'MQTT');
}

function accept(broker: Broker, logger: Logger, accepted: net.Socket): void {
  const { remoteAddress, remotePort } = accepted;
  if (remoteAddress === undefined) {
    accepted.destroy(); // gone before we looked
    return;
  }
  const remote: Remote = {
    address: remoteAddress.startsWith('::ffff:') ? remoteAddress.slice(7) : remoteAddress,
    port: remotePort ?? 0,
    transport: 'tcp',
    local: isLocal({ peerAddress: remoteAddress, headers: null }),
  };
  let connection: Connection | null = null;
  const socket = readShared(accepted, (bytes, length) => connection?.receive(bytes, length));
  socket.setNoDelay(true);
  socket.setKeepAlive(true, PROBE_AFTER_MS);
  connection = broker.open(tcpWire(socket, remote, () => connection?.onWritten()));
  if (connection === null) {
    socket.destroy();
    return;
  }
  const opened = connection;
  socket.on('error', (error) => {
    logger.debug({ client: opened.name, address: remote.address, error: messageOf(error) }, 'connection lost');
  });
  socket.on('end', () => socket.end());
  socket.on('close', () => opened.onClosed());
}

/** A TCP socket as the broker's byte stream. */
function tcpWire(socket: net.Socket, remote: Remote, onWritten: () => void): Wire {
  const written = (): void => {
    if (socket.writableLength === 0) onWritten();
  };
  const writeDirect = directWriter(socket, onWritten);
  return {
    remote,
    write(buffers) {
      if (buffers.length === 1) {
        const gone = writeDirect(buffers[0] as Buffer);
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

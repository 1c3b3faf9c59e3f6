import net from 'node:net';
import tls from 'node:tls';
import type { Remote } from '../access/index.ts';
import { type Logger, sparingLogger } from '../base/index.ts';
import type { Broker } from '../broker/index.ts';
import type { TlsKeeper } from '../certificates/index.ts';
import { MAX_HANDSHAKES, putFrontDoor } from './front-door.ts';
import { type Listener, listen, placeOf } from './listen.ts';
import type { ListenerRules } from './listener.ts';
import { remoteOf } from './peer.ts';
import { openSocket } from './socket-wire.ts';

export type MqttOptions = {
  readonly broker: Broker;
  readonly logger: Logger;
  /** null: every interface. */
  readonly host: string | null;
  /** 0: one that the system picks. */
  readonly port: number;
  readonly rules?: ListenerRules;
  /** Sockets that have not finished the PROXY header and TLS; more are closed at once. `MAX_HANDSHAKES` unless said. */
  readonly maxHandshakes?: number;
};

export type MqttTlsOptions = MqttOptions & {
  readonly keeper: TlsKeeper;
  /** From the accepted socket to the end of the handshake. */
  readonly handshakeTimeoutMs: number;
};

/** Opens a listener for MQTT over TCP. */
export function listenTcp(options: MqttOptions): Promise<Listener> {
  const { host, port, rules = {} } = options;
  if (rules.proxy !== undefined) return listenBehindProxy(options, rules);
  const server = net.createServer({ pauseOnConnect: true, noDelay: true }, receiver(options, rules, remoteOfTcp));
  return listen(server, { host, port }, 'MQTT');
}

function remoteOfTcp(socket: net.Socket, rules: ListenerRules): Remote | null {
  if (socket.remoteAddress === undefined) return null; // gone before we looked
  const remote = remoteOf(socket, 'mqtt', null);
  return rules.anonymous === undefined ? remote : { ...remote, anonymous: rules.anonymous };
}

/** The quick way in, for sockets that nothing stands before: no stream, and no list of who came how. */
export function receiver(
  { broker, logger }: Pick<MqttOptions, 'broker' | 'logger'>,
  rules: ListenerRules,
  remoteOfSocket: (socket: net.Socket, rules: ListenerRules) => Remote | null,
): (accepted: net.Socket) => void {
  const { maxConnections } = rules;
  const doorLog = sparingLogger(logger);
  let open = 0;
  return (accepted) => {
    const remote = remoteOfSocket(accepted, rules);
    if (remote === null || (maxConnections !== undefined && open >= maxConnections)) {
      if (remote !== null) doorLog.warn({ address: remote.address, limit: maxConnections }, FULL);
      accepted.destroy();
      return;
    }
    const socket = openSocket(broker, logger, accepted, remote, rules, 'direct');
    if (maxConnections === undefined || socket.destroyed) return;
    open += 1;
    socket.once('close', () => {
      open -= 1;
    });
  };
}

const FULL = 'connection refused: the listener is full';

function listenBehindProxy(options: MqttOptions, rules: ListenerRules): Promise<Listener> {
  const { broker, logger, host, port } = options;
  const server = net.createServer({ noDelay: true }, (socket) => {
    openSocket(broker, logger, socket, remoteOf(socket, 'mqtt', null), rules, 'read');
  });
  const door = putFrontDoor(server, {
    ...doorOf(options),
    rules,
    keeper: null,
    name: `MQTT on ${placeOf({ host, port })}`,
  });
  return listen(server, { host, port }, 'MQTT', door);
}

/** Opens a listener for MQTT over TLS. */
export function listenTls(options: MqttTlsOptions): Promise<Listener> {
  const { broker, logger, host, port, rules = {}, keeper, handshakeTimeoutMs } = options;
  const server = tls.createServer(
    { ...keeper.options, handshakeTimeout: handshakeTimeoutMs, noDelay: true },
    (socket) => {
      openSocket(broker, logger, socket, remoteOf(socket, 'mqtt', null), rules, 'stream');
    },
  );
  const door = putFrontDoor(server, {
    ...doorOf(options),
    rules,
    keeper,
    name: `MQTT over TLS on ${placeOf({ host, port })}`,
    handshakeTimeoutMs,
  });
  return listen(server, { host, port }, 'MQTT over TLS', door);
}

function doorOf({ logger, maxHandshakes = MAX_HANDSHAKES }: MqttOptions) {
  return { logger, maxHandshakes };
}

import net from 'node:net';
import tls from 'node:tls';
import type { Remote } from '../access/index.ts';
import { type Logger, type Reached, sparingLogger } from '../base/index.ts';
import type { Broker } from '../broker/index.ts';
import type { TlsKeeper } from '../certificates/index.ts';
import { putFrontDoor } from './front-door.ts';
import { type Listener, listen, placeOf } from './listen.ts';
import type { ListenerRules } from './listener.ts';
import type { Pacer } from './pacing.ts';
import { placeAt, remoteOf } from './peer.ts';
import { openSocket } from './socket-wire.ts';

export type MqttOptions = {
  readonly broker: Broker;
  readonly logger: Logger;
  readonly pacer: Pacer;
  readonly reached: Reached;
  /** null: every interface. */
  readonly host: string | null;
  /** 0: one that the system picks. */
  readonly port: number;
  readonly rules?: ListenerRules;
  /** Sockets that have not finished the PROXY header and TLS; more are closed at once. */
  readonly maxHandshakes: number;
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
  { broker, logger, pacer }: Pick<MqttOptions, 'broker' | 'logger' | 'pacer'>,
  rules: ListenerRules,
  remoteOfSocket: (socket: net.Socket, rules: ListenerRules) => Remote | null,
): (accepted: net.Socket) => void {
  const { maxConnections } = rules;
  const doorLog = sparingLogger(logger);
  let open = 0;
  const refuse = (accepted: net.Socket, address: string, limit: number, why: string): void => {
    doorLog.warn({ address, limit }, why);
    accepted.destroy();
  };
  return (accepted) => {
    const remote = remoteOfSocket(accepted, rules);
    if (remote === null) {
      accepted.destroy();
      return;
    }
    const { address } = remote;
    // Nobody reads it until its turn comes, so that nothing is heard of it either.
    pacer.enter({
      address,
      begin(place) {
        if (maxConnections !== undefined && open >= maxConnections) {
          place.leave();
          refuse(accepted, address, maxConnections, FULL);
          return;
        }
        const socket = openSocket(broker, logger, accepted, remote, rules, 'direct', place);
        if (maxConnections === undefined || socket.destroyed) return;
        open += 1;
        socket.once('close', () => {
          open -= 1;
        });
      },
      refuse: (limit) => refuse(accepted, address, limit, TOO_MANY_WAIT),
    });
  };
}

const FULL = 'connection refused: the listener is full';
const TOO_MANY_WAIT = 'connection refused: too many wait for their turn';

function listenBehindProxy(options: MqttOptions, rules: ListenerRules): Promise<Listener> {
  const { broker, logger, host, port } = options;
  const server = net.createServer({ noDelay: true }, (socket) => {
    openSocket(broker, logger, socket, remoteOf(socket, 'mqtt', null), rules, 'read', placeAt(socket));
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
      openSocket(broker, logger, socket, remoteOf(socket, 'mqtt', null), rules, 'stream', placeAt(socket));
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

function doorOf({ logger, maxHandshakes, pacer, reached }: MqttOptions) {
  return { logger, maxHandshakes, pacer, reached };
}

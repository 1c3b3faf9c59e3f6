import type { IncomingMessage, Server } from 'node:http';
import type { Duplex } from 'node:stream';
import type { TLSSocket } from 'node:tls';
import { type WebSocket, WebSocketServer } from 'ws';
import type { Remote } from '../access/index.ts';
import { type Logger, messageOf, type Reached, sparingLogger } from '../base/index.ts';
import type { Broker, Wire } from '../broker/index.ts';
import { type UnfinishedMessage, watchUnfinished } from './before-sign-in.ts';
import type { ListenerRules } from './listener.ts';
import type { Pacer, Place } from './pacing.ts';
import { remoteOf, rulesOf } from './peer.ts';

/** Subprotocols of MQTT over WebSocket; the second is what old libraries of 3.1 ask for. */
const SUBPROTOCOLS = ['mqtt', 'mqttv3.1'];
const PATH = '/mqtt';
/** What `ws` says where the connection was lost without a Close frame (RFC 6455, 7.4.1). */
const NO_CLOSE_FRAME = 1006;
const CLOSE_GRACE_MS = 2000;
/** What one read of a TCP socket brings. */
const MIN_MESSAGE_BYTES = 64 * 1024;

export type WebSocketOptions = {
  readonly broker: Broker;
  readonly logger: Logger;
  readonly pacer: Pacer;
  /** Largest packet that is taken, in bytes; and before its client has signed in. */
  readonly maxPacketBytes: number;
  readonly maxConnectBytes: number;
  readonly reached: Reached;
};

/** Takes MQTT over WebSocket from the HTTP servers that it is attached to. */
export type WebSocketTransport = {
  readonly attach: (server: Server) => void;
  readonly close: () => void;
};

/**
 * Largest message that is taken, all its fragments together, in bytes. A message may hold many packets [MQTT-6.0.0-2], and one that is
 * too large is the broker's to refuse in MQTT's own words. `ws` hands out a message only when it is whole: so much waits
 * in memory for a connection at the most.
 */
function maxMessageBytes(maxPacketBytes: number): number {
  return Math.max(2 * maxPacketBytes, MIN_MESSAGE_BYTES);
}

/** Answers upgrades on `/mqtt`, and on any path whose subprotocol is MQTT [MQTT-6.0.0-3, MQTT-6.0.0-4]. */
export function createWebSocketTransport(options: WebSocketOptions): WebSocketTransport {
  const { logger, pacer, maxPacketBytes } = options;
  const doorLog = sparingLogger(logger);
  const upgrades = new WebSocketServer({
    noServer: true,
    maxPayload: maxMessageBytes(maxPacketBytes),
    perMessageDeflate: false,
    clientTracking: false,
    handleProtocols: (offered) => SUBPROTOCOLS.find((name) => offered.has(name)) ?? false,
  });

  const onUpgrade = (request: IncomingMessage, socket: Duplex, head: Buffer): void => {
    socket.on('error', (error) => logger.debug({ error: messageOf(error) }, 'connection lost'));
    if (!isMqtt(request)) {
      refuse(socket, 404, 'there is no WebSocket here; MQTT is at /mqtt');
      return;
    }
    if (isForeign(request)) {
      const { address } = remoteOf(request.socket, 'websocket', request.headers);
      doorLog.warn({ address, origin: request.headers.origin }, 'WebSocket refused: a page of another origin');
      refuse(socket, 403, 'a page of another origin may not use this server');
      return;
    }
    const { address } = remoteOf(request.socket, 'websocket', request.headers);
    const leave = pacer.enter({
      address,
      isOwedAnswer: true,
      begin(place) {
        socket.once('close', place.leave);
        upgrades.handleUpgrade(request, socket, head, (websocket) => accept(options, websocket, request, place));
      },
      refuse(limit) {
        doorLog.warn({ address, limit }, 'WebSocket refused: too many wait for their turn');
        refuse(socket, 503, 'too many connections; come again');
      },
    });
    socket.once('close', leave);
  };

  return {
    attach: (server) => void server.on('upgrade', onUpgrade),
    close: () => upgrades.close(),
  };
}

function isMqtt(request: IncomingMessage): boolean {
  const path = (request.url ?? '').split('?', 1)[0];
  if (path === PATH || path === `${PATH}/`) return true;
  const offered = String(request.headers['sec-websocket-protocol'] ?? '').split(',');
  return offered.some((name) => SUBPROTOCOLS.includes(name.trim()));
}

/** A browser says whose page it acts for. Only our own pages may come in; programs send no Origin. */
function isForeign(request: IncomingMessage): boolean {
  const { origin, host } = request.headers;
  if (origin === undefined) return false;
  if (!URL.canParse(origin)) return true;
  const own = new URL(origin);
  // A page that came without TLS may be anybody's work: it may not use what is said by TLS.
  const isSecure = (request.socket as Partial<TLSSocket>).encrypted === true;
  if (isSecure && own.protocol !== 'https:') return true;
  return own.host !== (host ?? '').toLowerCase();
}

function refuse(socket: Duplex, status: number, why: string): void {
  const reasons: Record<number, string> = { 403: 'Forbidden', 404: 'Not Found', 503: 'Service Unavailable' };
  const body = `${why}\n`;
  socket.end(
    `HTTP/1.1 ${status} ${reasons[status]}\r\nConnection: close\r\nContent-Type: text/plain; charset=utf-8\r\n` +
      `Content-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`,
  );
}

function accept(options: WebSocketOptions, websocket: WebSocket, request: IncomingMessage, place: Place): void {
  const { broker, logger, maxConnectBytes, reached } = options;
  request.socket.setNoDelay(true);
  const remote = remoteOf(request.socket, 'websocket', request.headers);
  const rules = rulesOf(request.socket);
  const wire = websocketWire(websocket, remote, rules, {
    written: () => connection?.onWritten(),
    signedIn: () => {
      place.leave();
      unfinished.signedIn();
    },
  });
  const connection = broker.open(wire);
  if (connection === null) {
    websocket.close(1013, 'too many connections');
    return;
  }
  place.heldBy({ isSilent: () => connection.owesConnect, destroy: () => websocket.terminate() });
  const unfinished: UnfinishedMessage = watchUnfinished(request.socket, maxConnectBytes, () => {
    reached.maxConnectBytes += 1;
    connection.abort('a WebSocket message that is too large before it was signed in');
  });
  websocket.binaryType = 'nodebuffer';
  websocket.on('message', (data: Buffer, isBinary: boolean) => {
    unfinished.whole();
    if (isBinary) connection.receive(data, data.length);
    else connection.abort('a WebSocket text frame: MQTT is binary [MQTT-6.0.0-1]');
  });
  websocket.on('error', (error) => {
    logger.debug({ client: connection.name, address: remote.address, error: messageOf(error) }, 'connection lost');
  });
  websocket.on('close', (code) => {
    if (code !== NO_CLOSE_FRAME) connection.ended(() => {});
    connection.onClosed();
  });
}

/** A WebSocket as the broker's byte stream; frames and packets need not match. */
function websocketWire(
  websocket: WebSocket,
  remote: Remote,
  limits: ListenerRules,
  on: { readonly written: () => void; readonly signedIn: () => void },
): Wire {
  const written = (): void => {
    if (websocket.bufferedAmount === 0) on.written();
  };
  return {
    remote,
    limits,
    write(buffers) {
      const bytes = buffers.length === 1 ? (buffers[0] as Buffer) : Buffer.concat(buffers);
      websocket.send(bytes, { binary: true }, written);
      return websocket.bufferedAmount === 0;
    },
    pause: () => websocket.pause(),
    resume: () => websocket.resume(),
    end() {
      websocket.close();
      setTimeout(() => websocket.terminate(), CLOSE_GRACE_MS).unref();
    },
    destroy: () => websocket.terminate(),
    signedIn: on.signedIn,
  };
}

import { createServer, type RequestListener, type Server, ServerResponse, STATUS_CODES } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import type { Duplex } from 'node:stream';
import { type Logger, messageOf, nothingReached, OperatorError, type Reached, systemCode } from '../base/index.ts';
import type { TlsKeeper } from '../certificates/index.ts';
import { type FrontDoor, type ListenerRules, putFrontDoor } from '../transport/index.ts';
import type { ApiLimits } from './limits.ts';
import type { HttpLoad } from './load.ts';
import { PROBLEMS, Problem, type ProblemCode, problemDocument } from './problems.ts';

export type ListenOptions = {
  /** Makes it an HTTPS listener. */
  readonly keeper?: TlsKeeper;
  readonly rules?: ListenerRules;
  /** Sockets that have not finished the PROXY header and TLS; more are closed at once. */
  readonly maxHandshakes?: number;
  readonly reached?: Reached;
  /** What all listeners bear together. */
  readonly load?: HttpLoad;
  /** Called before the port opens: the place to attach 'upgrade', so that no early request is missed. */
  readonly onServer?: (server: Server) => void;
};

const DEFAULT_MAX_HANDSHAKES = 5000;

/** One open HTTP port. */
export type HttpListener = {
  readonly server: Server;
  readonly host: string;
  readonly port: number;
  readonly secure: boolean;
  readonly door: FrontDoor;
};

/** Makes a server on a handler that several servers share, bounded in time and size, and opens it. */
export async function openListener(
  handler: RequestListener,
  limits: ApiLimits,
  logger: Logger,
  host: string,
  port: number,
  {
    keeper,
    rules = {},
    maxHandshakes = DEFAULT_MAX_HANDSHAKES,
    reached = nothingReached(),
    load,
    onServer,
  }: ListenOptions,
): Promise<HttpListener> {
  const bounds = {
    maxHeaderSize: limits.headerBytes,
    headersTimeout: limits.headersTimeoutMs,
    requestTimeout: limits.requestTimeoutMs,
    keepAliveTimeout: limits.keepAliveTimeoutMs,
    connectionsCheckingInterval: Math.min(5000, limits.headersTimeoutMs),
  };
  const server: Server =
    keeper === undefined
      ? createServer(bounds, handler)
      : createTlsServer({ ...bounds, ...keeper.options, handshakeTimeout: limits.headersTimeoutMs }, handler);
  const name = `${keeper === undefined ? 'HTTP' : 'HTTPS'} on ${host}:${port}`;
  const handshakeTimeoutMs = limits.headersTimeoutMs;
  const door = putFrontDoor(server, {
    rules,
    keeper: keeper ?? null,
    logger,
    name,
    maxHandshakes,
    reached,
    // Requests are short; WebSockets take their turn when they are asked for.
    pacer: null,
    ...(load === undefined ? {} : { arrives: load.arrives }),
    handshakeTimeoutMs,
  });
  server.on('clientError', (error, socket) => answerClientError(error, socket, reached));
  onServer?.(server);
  load?.watchUpgrades(server);
  await bind(server, host, port);
  // A server without this listener would end the process.
  server.on('error', (error) => logger.error({ host, port, error: messageOf(error) }, 'an HTTP listener met a fault'));
  const bound = server.address() as AddressInfo;
  return { server, host: bound.address, port: bound.port, secure: keeper !== undefined, door };
}

const SWEEP_MS = 50;

/** Closes a server: no new requests at once, those under way until the grace is over. Upgraded sockets are not its own. */
export async function closeListener({ server, door }: HttpListener, graceMs: number): Promise<void> {
  await new Promise<void>((resolve) => {
    // A connection that has given its last answer is kept alive for more: nobody else closes it.
    const sweep = setInterval(() => server.closeIdleConnections(), SWEEP_MS);
    const cut = setTimeout(() => {
      server.closeAllConnections();
      // Upgraded sockets would still hold `close` back; who upgraded them ends them.
      done();
    }, graceMs);
    const done = () => {
      clearInterval(sweep);
      clearTimeout(cut);
      resolve();
    };
    server.close(done);
    door.clear();
    server.closeIdleConnections();
  });
}

function bind(server: Server, host: string, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    const failed = (error: Error) => reject(asOperatorError(error, host, port));
    server.once('error', failed);
    server.listen({ host, port }, () => {
      server.off('error', failed);
      resolve();
    });
  });
}

function asOperatorError(error: Error, host: string, port: number): Error {
  const where = `${host.includes(':') ? `[${host}]` : host}:${port}`;
  const cause = { cause: error };
  const code = systemCode(error);
  if (code === 'EADDRINUSE') {
    return new OperatorError(
      `HTTP cannot listen on ${where}: the port is in use`,
      'Stop the other program, or choose another port with --http [HOST:]PORT.',
      cause,
    );
  }
  if (code === 'EACCES') {
    return new OperatorError(
      `HTTP may not listen on ${where}`,
      'Choose a port above 1023 with --http [HOST:]PORT.',
      cause,
    );
  }
  if (code === 'EADDRNOTAVAIL' || code === 'ENOTFOUND') {
    return new OperatorError(
      `HTTP cannot listen on ${where}: this machine has no such address`,
      'Choose another host with --http [HOST:]PORT.',
      cause,
    );
  }
  return error;
}

/** Bytes that are no HTTP never reach a route: the answer is written by hand, as a problem too. */
function answerClientError(error: Error, socket: Duplex, reached: Reached): void {
  // Where TLS itself has failed there is nobody to answer.
  if (systemCode(error) === 'ECONNRESET' || !socket.writable || /^ERR_(SSL|TLS)_/.test(systemCode(error) ?? '')) {
    socket.destroy();
    return;
  }
  const [code, detail] = clientFault(systemCode(error));
  if (code === 'headers-too-large') reached.httpHeaderBytes += 1;
  if (code === 'request-timeout') reached.httpRequestTimeoutS += 1;
  const { status } = PROBLEMS[code];
  const body = JSON.stringify(problemDocument(new Problem(code, detail), '/'));
  // After the beginning of an answer, more bytes would be taken for its end.
  const current = (socket as Duplex & { _httpMessage?: unknown })._httpMessage;
  if (current instanceof ServerResponse && current.headersSent) {
    socket.destroy();
    return;
  }
  socket.end(
    `HTTP/1.1 ${status} ${STATUS_CODES[status]}\r\nContent-Type: application/problem+json\r\n` +
      `Content-Length: ${Buffer.byteLength(body)}\r\nConnection: close\r\n\r\n${body}`,
    () => socket.destroy(),
  );
}

function clientFault(code: string | undefined): readonly [ProblemCode, string] {
  if (code === 'HPE_HEADER_OVERFLOW') return ['headers-too-large', 'The request line and the headers are too large.'];
  if (code === 'ERR_HTTP_REQUEST_TIMEOUT') return ['request-timeout', 'The request did not arrive in time.'];
  return ['bad-request', 'This is no HTTP/1.1 request.'];
}

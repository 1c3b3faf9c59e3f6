import { type RequestListener, type Server, STATUS_CODES } from 'node:http';
import type net from 'node:net';
import type { Reached } from '../base/index.ts';
import { PROBLEMS, Problem, problemDocument } from './problems.ts';

/** How much of HTTP is under way, on all listeners together. */
export type HttpLoad = {
  /** Requests that are not answered to their end. */
  readonly requests: () => number;
  /** Sockets that speak HTTP; those that became WebSockets do so no more. */
  readonly connections: () => number;
  /** Counts a new socket of a server; the limit where it is one too many, and is to be closed. */
  readonly arrives: (socket: net.Socket) => number | null;
  /** Looks for sockets of a server that become WebSockets. */
  readonly watchUpgrades: (server: Server) => void;
  /** Answers 503 where too many requests are under way. */
  readonly bounded: (listener: RequestListener) => RequestListener;
};

const RETRY_AFTER_S = '1';

export function createHttpLoad(maxConnections: number, maxRequests: number, reached: Reached): HttpLoad {
  let open = 0;
  let upgraded = 0;
  let requests = 0;
  return {
    requests: () => requests,
    connections: () => open - upgraded,
    arrives(socket) {
      if (open - upgraded >= maxConnections) {
        reached.maxHttpConnections += 1;
        return maxConnections;
      }
      open += 1;
      socket.once('close', () => {
        open -= 1;
      });
      return null;
    },
    watchUpgrades(server) {
      // Who listens is asked: where nobody does, a request to upgrade is answered as any other.
      if (server.listenerCount('upgrade') === 0) return;
      server.prependListener('upgrade', ({ socket }) => {
        upgraded += 1;
        socket.once('close', () => {
          upgraded -= 1;
        });
      });
    },
    bounded: (listener) => (request, response) => {
      if (requests >= maxRequests) {
        reached.maxHttpRequests += 1;
        const problem = new Problem('busy', `${maxRequests} requests are under way already.`);
        const { status } = PROBLEMS.busy;
        const body = JSON.stringify(problemDocument(problem, request.url ?? '/'));
        const headers = {
          'content-type': 'application/problem+json',
          'content-length': Buffer.byteLength(body),
          'retry-after': RETRY_AFTER_S,
          // A body that may be on its way is not read.
          connection: 'close',
        };
        response.writeHead(status, STATUS_CODES[status], headers).end(body);
        return;
      }
      requests += 1;
      response.once('close', () => {
        requests -= 1;
      });
      listener(request, response);
    },
  };
}

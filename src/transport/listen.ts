import type net from 'node:net';
import { OperatorError, systemCode } from '../base/index.ts';
import type { FrontDoor } from './front-door.ts';

/** A listener that is open. */
export type Listener = {
  readonly host: string | null;
  readonly port: number;
  /** Takes no more connections; those that are open stay. */
  readonly close: () => Promise<void>;
};

/** `host` null: every interface. Port 0: one that the system picks. */
export type Place = { readonly host: string | null; readonly port: number };

/** For people. */
export function placeOf({ host, port }: Place): string {
  return host === null ? `port ${port}` : `${host}:${port}`;
}

/** Binds a server; a port that cannot be had is an OperatorError of one line. `door`: what stands before it. */
export function listen(server: net.Server, place: Place, what: string, door?: FrontDoor): Promise<Listener> {
  const { host, port } = place;
  return new Promise((resolve, reject) => {
    server.once('error', (error) => reject(listenError(error, placeOf(place), what)));
    server.listen({ port, ...(host === null ? {} : { host }), backlog: 4096 }, () => {
      const address = server.address() as net.AddressInfo;
      resolve({ host, port: address.port, close: () => closed(server, door) });
    });
  });
}

function closed(server: net.Server, door: FrontDoor | undefined): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => resolve());
    door?.clear(); // nobody else knows of them, and `close` waits for all
  });
}

function listenError(error: Error, where: string, what: string): Error {
  const cause = { cause: error };
  switch (systemCode(error)) {
    case 'EADDRINUSE':
      return new OperatorError(
        `${what} cannot listen on ${where}: another program uses it`,
        'stop that program, or choose another port',
        cause,
      );
    case 'EACCES':
      return new OperatorError(
        `${what} cannot listen on ${where}: not allowed`,
        'choose a port above 1023, or run with the right to use it',
        cause,
      );
    case 'EADDRNOTAVAIL':
    case 'ENOTFOUND':
      return new OperatorError(
        `${what} cannot listen on ${where}: this machine does not have that address`,
        'choose one of its own addresses, or leave the host out for all of them',
        cause,
      );
    default:
      return error;
  }
}

import * as fs from 'node:fs';
import net from 'node:net';
import { dirname } from 'node:path';
import type { Remote } from '../access/index.ts';
import { type Logger, messageOf, OperatorError, systemCode } from '../base/index.ts';
import type { Broker } from '../broker/index.ts';
import type { Listener } from './listen.ts';
import type { ListenerRules } from './listener.ts';
import { receiver } from './mqtt.ts';
import type { Pacer } from './pacing.ts';

export type UnixOptions = {
  readonly broker: Broker;
  readonly logger: Logger;
  readonly pacer: Pacer;
  /** Absolute. */
  readonly path: string;
  /** Permissions of the socket file: who may write to it may connect. */
  readonly mode: number;
  readonly rules?: ListenerRules;
};

// The least of all systems (macOS), with the byte that ends it.
const MAX_PATH_BYTES = 103;
const ANSWER_MS = 2000;

/** Opens a Unix domain socket for MQTT. Who comes by it is on this machine. */
export async function listenUnix(options: UnixOptions): Promise<Listener> {
  const { logger, path, mode, rules = {} } = options;
  refusePath(path);
  await removeStale(path);
  const server = net.createServer({ pauseOnConnect: true }, receiver(options, rules, remoteOfUnix));
  await bind(server, path, mode);
  server.on('error', (error) => logger.error({ path, error: messageOf(error) }, 'a Unix socket met a fault'));
  // Node removes the file.
  return { host: null, port: 0, close: () => new Promise((resolve) => server.close(() => resolve())) };
}

function remoteOfUnix(_socket: net.Socket, { anonymous }: ListenerRules): Remote {
  const remote = { address: 'unix', port: 0, transport: 'unix', local: true } as const;
  return anonymous === undefined ? remote : { ...remote, anonymous };
}

function refusePath(path: string): void {
  if (process.platform === 'win32') {
    throw new OperatorError('Windows has no Unix sockets here', 'Use --mqtt 127.0.0.1:PORT instead.');
  }
  if (Buffer.byteLength(path) > MAX_PATH_BYTES) {
    throw new OperatorError(
      `the Unix socket ${path} has a path of more than ${MAX_PATH_BYTES} bytes`,
      'The system allows no longer one; choose another with --unix.',
    );
  }
}

/** A file that a killed process left is removed; one that somebody answers at, or that is no socket, never. */
async function removeStale(path: string): Promise<void> {
  const found = fs.lstatSync(path, { throwIfNoEntry: false });
  if (found === undefined) return;
  if (!found.isSocket()) {
    throw new OperatorError(`${path} is there and is no socket`, 'Choose another path with --unix.');
  }
  if (await isAnswered(path)) {
    throw new OperatorError(`another program listens on the Unix socket ${path}`, 'Stop it, or choose another path.');
  }
  fs.rmSync(path, { force: true });
}

/** Anything but "nobody listens" counts as an answer: what cannot be known is left alone. */
function isAnswered(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = net.connect(path);
    const end = (answered: boolean): void => {
      socket.destroy();
      resolve(answered);
    };
    socket.setTimeout(ANSWER_MS, () => end(true));
    socket.once('connect', () => end(true));
    socket.once('error', (error) => end(!['ECONNREFUSED', 'ENOENT'].includes(systemCode(error) ?? '')));
  });
}

function bind(server: net.Server, path: string, mode: number): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', (error) => reject(asOperatorError(error, path)));
    // The file is made within the call: never, not for a moment, may more people write to it than `mode` says.
    const before = process.umask(0o777 & ~mode);
    try {
      server.listen({ path, backlog: 4096 }, () => {
        server.removeAllListeners('error');
        resolve();
      });
    } finally {
      process.umask(before);
    }
  });
}

function asOperatorError(error: Error, path: string): Error {
  const code = systemCode(error);
  if (code === 'EACCES' || code === 'EPERM' || code === 'ENOENT' || code === 'EROFS') {
    // libuv says "not allowed" for a folder that is not there, too.
    const why = fs.existsSync(dirname(path)) ? 'not allowed' : 'there is no such folder';
    return new OperatorError(`MQTT cannot listen on ${path}: ${why}`, `Check the folder ${dirname(path)}.`, {
      cause: error,
    });
  }
  return error;
}

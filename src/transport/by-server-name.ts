import { Server as HttpsServer } from 'node:https';
import type net from 'node:net';
import { createServer, type SecureContextOptions, type Server as TlsServer } from 'node:tls';
import type { TlsKeeper } from '../certificates/index.ts';
import { MAX_HELLO_BYTES, readClientHello } from './client-hello.ts';

/** A connection that sends no ClientHello is dropped after so long where none is said. */
const DEFAULT_TIMEOUT_MS = 10_000;

/**
 * Gives each connection the certificates of the name that it asks for, of all kinds of keys. Node's own way (SNICallback)
 * swaps the certificate of one kind only, so the name is read before TLS is begun, and TLS is begun by a server that has
 * nothing but the certificates of that name. What comes of it is told to the server that listens.
 */
export function byServerName(server: TlsServer, keeper: TlsKeeper, timeoutMs = DEFAULT_TIMEOUT_MS) {
  // New certificates come as new options: their servers are made when the first client asks for them.
  const servers = new WeakMap<SecureContextOptions, TlsServer>();
  const serverOf = (options: SecureContextOptions): TlsServer => {
    const known = servers.get(options);
    if (known !== undefined) return known;
    const { requestCert = false, rejectUnauthorized = false } = keeper.options;
    const made = createServer({
      ...options,
      requestCert,
      rejectUnauthorized,
      handshakeTimeout: timeoutMs,
      ...(server instanceof HttpsServer ? { ALPNProtocols: ['http/1.1'] } : {}),
    });
    made.on('secureConnection', (socket) => server.emit('secureConnection', socket));
    made.on('tlsClientError', (error, socket) => server.emit('tlsClientError', error, socket));
    servers.set(options, made);
    return made;
  };
  return (socket: net.Socket, pass: () => void): void => {
    if (!keeper.namesDiffer()) pass();
    else
      readServerName(socket, timeoutMs, (name) => {
        const options = name === null ? null : keeper.optionsFor(name);
        if (options === null) pass();
        else serverOf(options).emit('connection', socket);
      });
  };
}

/** Reads as far as the server name goes, and puts all of it back. */
function readServerName(socket: net.Socket, timeoutMs: number, found: (name: string | null) => void): void {
  const timer = setTimeout(() => socket.destroy(), timeoutMs);
  const stop = (): void => {
    clearTimeout(timer);
    socket.off('data', onData);
    socket.off('end', onEnd);
    socket.off('error', onError);
    socket.off('close', stop);
  };
  let kept: Buffer = Buffer.alloc(0);
  const onData = (chunk: Buffer): void => {
    kept = kept.length === 0 ? chunk : Buffer.concat([kept, chunk]);
    const hello = readClientHello(kept);
    if (hello.state === 'more' && kept.length <= MAX_HELLO_BYTES) return;
    stop();
    socket.pause();
    socket.unshift(kept);
    found(hello.state === 'read' ? hello.serverName : null);
  };
  const onEnd = (): void => void socket.destroy();
  const onError = (): void => {};
  socket.on('data', onData);
  socket.on('end', onEnd);
  socket.on('error', onError);
  socket.on('close', stop);
  socket.resume();
}

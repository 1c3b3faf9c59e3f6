import net from 'node:net';
import type { TLSSocket, Server as TlsServer } from 'node:tls';
import { type Logger, messageOf, type Reached, sparingLogger, systemCode } from '../base/index.ts';
import { type CertificateIdentity, identityOf, type TlsKeeper } from '../certificates/index.ts';
import { byServerName } from './by-server-name.ts';
import type { ListenerRules } from './listener.ts';
import type { Pacer } from './pacing.ts';
import { addressesOf, noteArrival, notePlace, noteProxied, plainAddress, realAddress } from './peer.ts';
import { MAX_PROXY_BYTES, readProxyHeader } from './proxy-header.ts';
import { tlsHint } from './tls-hints.ts';

export type FrontDoorOptions = {
  readonly rules: ListenerRules;
  /** Null: no TLS. */
  readonly keeper: TlsKeeper | null;
  readonly logger: Logger;
  /** For log lines: `MQTT on 8883`. */
  readonly name: string;
  /** Sockets that have not finished the PROXY header and TLS; one more is closed at once. */
  readonly maxHandshakes: number;
  readonly reached: Reached;
  /** Asked for each socket; the limit where it is one too many. */
  readonly arrives?: (socket: net.Socket) => number | null;
  /** Who is let in when; null: everybody at once. */
  readonly pacer: Pacer | null;
  /** Of a TLS listener. */
  readonly handshakeTimeoutMs?: number;
};

/** A proxy sends its header at once. */
const PROXY_TIMEOUT_MS = 5000;

/** What the rest of a listener may ask of its front door. */
export type FrontDoor = {
  /** Closes those who stand there: for a listener that takes no more. */
  readonly clear: () => void;
};

/**
 * What a server of net, tls, http or https does before it takes a connection for its own: counts it, reads its PROXY
 * header, looks at its certificate, and notes how it came (see `remoteOf`). Who is not done with that in time is closed.
 */
export function putFrontDoor(server: net.Server, options: FrontDoorOptions): FrontDoor {
  const { rules, keeper, name, maxHandshakes } = options;
  const logger = sparingLogger(options.logger);
  const isTrusted = proxyFilter(rules.proxy);
  const begin = keeper === null ? null : byServerName(server as TlsServer, keeper, options.handshakeTimeoutMs);
  let open = 0;
  /** Who is not through, by its two addresses: TLS makes another socket of the one that was accepted. */
  const waiting = new Map<string, net.Socket>();
  const wait = (socket: net.Socket): void => {
    const key = addressesOf(socket);
    waiting.set(key, socket);
    socket.once('close', () => waiting.delete(key));
  };
  const enter = (socket: net.Socket): void => void waiting.delete(addressesOf(socket));
  const refuse = (socket: net.Socket, limit: number, why: string): void => {
    logger.warn({ address: plainAddress(socket), limit, listener: name }, `connection refused: ${why}`);
    socket.destroy();
  };
  /** Whether there is a place for one more handshake; it is the socket's then. */
  const mayBegin = (socket: net.Socket): boolean => {
    if (waiting.size >= maxHandshakes) {
      options.reached.maxHandshakes += 1;
      refuse(socket, maxHandshakes, 'too many handshakes are under way');
      return false;
    }
    wait(socket);
    return true;
  };
  before(server, (socket, pass) => {
    const { maxConnections } = rules;
    if (maxConnections !== undefined && open >= maxConnections) {
      refuse(socket, maxConnections, 'the listener is full');
      return;
    }
    const limit = options.arrives?.(socket) ?? null;
    if (limit !== null) {
      refuse(socket, limit, 'too many connections');
      return;
    }
    open += 1;
    socket.once('close', () => {
      open -= 1;
    });
    const goOn = (): void => {
      if (begin !== null) {
        if (mayBegin(socket)) begin(socket, pass);
        return;
      }
      noteArrival(socket, { rules });
      pass();
      // Who took it listens now, and gets what came behind the header. TLS fetches that by itself.
      if (isTrusted !== null) process.nextTick(() => socket.resume());
    };
    const goOnInTurn = (): void => {
      if (options.pacer === null) goOn();
      else takeTurn(options.pacer, socket, refuse, goOn);
    };
    if (isTrusted === null) goOnInTurn();
    else if (mayBegin(socket))
      readProxy(socket, isTrusted, logger, name, () => {
        enter(socket);
        goOnInTurn();
      });
  });
  if (keeper !== null) checkCertificates(server as TlsServer, keeper, { rules, logger, name, enter });
  return {
    clear() {
      for (const socket of waiting.values()) socket.destroy();
    },
  };
}

/** Goes on when the socket's turn has come. */
function takeTurn(
  pacer: Pacer,
  socket: net.Socket,
  refuse: (socket: net.Socket, limit: number, why: string) => void,
  goOn: () => void,
): void {
  // Its bytes are kept meanwhile, so that a fault may be told too.
  socket.on('error', () => {});
  const leave = pacer.enter({
    address: realAddress(socket),
    begin(place) {
      notePlace(socket, place);
      // TLS is begun by the client, and what it sends is answered as it is read: it is always the one who owes something.
      // Who takes the connection says more of it.
      place.heldBy({
        isSilent: () => true,
        answered: () => socket.bytesWritten,
        destroy: () => socket.destroy(),
      });
      goOn();
    },
    refuse: (limit) => refuse(socket, limit, 'too many wait for their turn'),
  });
  socket.once('close', leave);
}

/** Puts `guard` before all that the server does with a new connection. */
function before(server: net.Server, guard: (socket: net.Socket, pass: () => void) => void): void {
  const own = server.listeners('connection');
  server.removeAllListeners('connection');
  server.on('connection', (socket) =>
    guard(socket, () => own.forEach((listener) => void listener.call(server, socket))),
  );
}

function proxyFilter(proxy: ListenerRules['proxy']): ((address: string) => boolean) | null {
  if (proxy === undefined) return null;
  if (proxy === true) return () => true;
  const list = new net.BlockList();
  for (const network of proxy) {
    const [base = '', bits] = network.split('/');
    const family = net.isIPv6(base) ? 'ipv6' : 'ipv4';
    if (bits === undefined) list.addAddress(base, family);
    else list.addSubnet(base, Number(bits), family);
  }
  return (address) => list.check(address, net.isIPv6(address) ? 'ipv6' : 'ipv4');
}

function readProxy(
  socket: net.Socket,
  isTrusted: (address: string) => boolean,
  logger: Logger,
  name: string,
  enter: () => void,
): void {
  const address = plainAddress(socket);
  const refuse = (why: string): void => {
    logger.warn({ address, listener: name }, `connection refused: ${why}`);
    socket.destroy();
  };
  socket.on('error', (error) => logger.debug({ address, error: messageOf(error) }, 'connection lost'));
  if (!isTrusted(address)) {
    refuse('it is not a proxy that this listener trusts');
    return;
  }
  const timer = setTimeout(() => refuse('its PROXY header did not come in time'), PROXY_TIMEOUT_MS);
  const stop = (): void => {
    clearTimeout(timer);
    socket.off('data', onData);
    socket.off('end', onEnd);
    socket.off('close', stop);
  };
  let kept: Buffer = Buffer.alloc(0);
  const onData = (chunk: Buffer): void => {
    kept = kept.length === 0 ? chunk : Buffer.concat([kept, chunk]);
    const header = readProxyHeader(kept);
    if (header.state === 'more' && kept.length <= MAX_PROXY_BYTES) return;
    stop();
    if (header.state !== 'read') {
      refuse(header.state === 'fault' ? header.why : 'its PROXY header has no end');
      return;
    }
    socket.pause();
    noteProxied(socket, header.source);
    if (kept.length > header.length) socket.unshift(kept.subarray(header.length));
    enter();
  };
  const onEnd = (): void => void socket.destroy();
  socket.on('data', onData);
  socket.on('end', onEnd);
  socket.on('close', stop);
}

type TlsDoor = Pick<FrontDoorOptions, 'rules' | 'logger' | 'name'> & {
  /** To be called with each socket that is through. */
  readonly enter: (socket: net.Socket) => void;
};

function checkCertificates(server: TlsServer, keeper: TlsKeeper, { rules, logger, name, enter }: TlsDoor): void {
  keeper.keep(server);
  // Before that of https, which closes the socket: then its address is gone.
  server.prependListener('tlsClientError', (error, socket) => {
    const unbelieved = socket.authorizationError as Error | string | null | undefined;
    const hint = unbelieved ? `its client certificate is not believed (${String(unbelieved)})` : tlsHint(error);
    logger[hint === null ? 'debug' : 'info'](
      { address: plainAddress(socket), listener: name, error: systemCode(error) ?? messageOf(error) },
      hint === null ? 'TLS failed' : `TLS failed: ${hint}`,
    );
    // tls leaves it open, most of all when the time for the handshake is over.
    socket.destroy();
  });
  // Before the listener that takes the connection: what is refused here never reaches it.
  const own = server.listeners('secureConnection');
  server.removeAllListeners('secureConnection');
  server.on('secureConnection', (socket: TLSSocket) => {
    socket.disableRenegotiation();
    const { maxRecordBytes } = keeper.settings;
    if (maxRecordBytes !== null) socket.setMaxSendFragment(maxRecordBytes);
    const found = certificateOf(socket, keeper);
    if (found.refused !== undefined) {
      logger.warn({ address: plainAddress(socket), listener: name }, `connection refused: ${found.refused}`);
      socket.on('error', () => {});
      socket.destroy();
      return;
    }
    enter(socket);
    noteArrival(socket, { rules, ...(found.certificate === undefined ? {} : { certificate: found.certificate }) });
    for (const listener of own) listener.call(server, socket);
  });
}

function certificateOf(
  socket: TLSSocket,
  { settings }: TlsKeeper,
): { readonly certificate?: CertificateIdentity; readonly refused?: string } {
  if (settings.clientCertificates === 'none') return {};
  const certificate = socket.getPeerX509Certificate();
  if (certificate === undefined) {
    return settings.clientCertificates === 'require' ? { refused: 'it has no client certificate' } : {};
  }
  // A certificate that is not believed is no anonymous client: its owner wants to know.
  if (!socket.authorized) return { refused: `its client certificate is not believed (${socket.authorizationError})` };
  if (settings.certificateUser === 'none') return {};
  return { certificate: identityOf(certificate, settings.certificateUser) };
}

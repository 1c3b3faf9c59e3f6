import type net from 'node:net';
import type { TLSSocket } from 'node:tls';
import { isLocal, type LocalQuestion, type Remote, type RequestHeaders } from '../access/index.ts';
import type { CertificateIdentity } from '../certificates/index.ts';
import type { ListenerRules } from './listener.ts';
import type { Place } from './pacing.ts';
import type { ProxySource } from './proxy-header.ts';

/** What is known of a connection beside its own addresses: by its listener, a PROXY header, a certificate. */
export type Arrival = {
  readonly rules: ListenerRules;
  readonly certificate?: CertificateIdentity;
};

const arrivals = new WeakMap<net.Socket, Arrival>();

/** Notes how a socket came. */
export function noteArrival(socket: net.Socket, arrival: Arrival): void {
  arrivals.set(socket, arrival);
}

/**
 * What PROXY headers said, by the connection's own two addresses: TLS makes another socket of the one that was read, with
 * the same addresses.
 */
const proxied = new Map<string, ProxySource>();

/** Notes whom a proxy speaks for. Forgotten with the socket. */
export function noteProxied(socket: net.Socket, source: ProxySource): void {
  const key = addressesOf(socket);
  proxied.set(key, source);
  socket.once('close', () => proxied.delete(key));
}

const places = new Map<string, Place>();

/** Notes the place of a socket that TLS may make another one of. It is left with the socket, if not before. */
export function notePlace(socket: net.Socket, place: Place): void {
  const key = addressesOf(socket);
  places.set(key, place);
  socket.once('close', () => {
    places.delete(key);
    place.leave();
  });
}

/** The place that was noted; a socket that waited for none has none to leave. */
export function placeAt(socket: net.Socket): Place {
  return places.get(addressesOf(socket)) ?? NO_PLACE;
}

const NO_PLACE: Place = { heldBy() {}, leave() {} };

/** The connection's own two addresses, as one name; no other open one has it. */
export function addressesOf({ localAddress, localPort, remoteAddress, remotePort }: net.Socket): string {
  return `${localAddress} ${localPort} ${remoteAddress} ${remotePort}`;
}

/** The peer's own address; an IPv4 address in IPv6's clothes as what it is. */
export function plainAddress(socket: net.Socket): string {
  return (socket.remoteAddress ?? '').replace(/^::ffff:(?=\d+\.)/i, '');
}

/** The peer's address; behind a proxy, that of whom it speaks for. */
export function realAddress(socket: net.Socket): string {
  return (proxied.size === 0 ? undefined : proxied.get(addressesOf(socket))?.address) ?? plainAddress(socket);
}

/** How the peer of an accepted socket reached us. `headers`: of its HTTP request; null for plain MQTT. */
export function remoteOf(
  socket: net.Socket,
  kind: 'mqtt' | 'websocket' | 'http',
  headers: RequestHeaders | null,
  looksLocal: (question: LocalQuestion) => boolean = isLocal,
): Remote {
  const arrival = arrivals.get(socket);
  const source = proxied.size === 0 ? undefined : proxied.get(addressesOf(socket));
  const peerAddress = socket.remoteAddress ?? '';
  const isSecure = (socket as Partial<TLSSocket>).encrypted === true;
  return {
    address: source?.address ?? plainAddress(socket),
    port: source?.port ?? socket.remotePort ?? 0,
    transport: isSecure ? SECURE[kind] : PLAIN[kind],
    // What came by a proxy is never local, also where the proxy says so.
    local: source === undefined && looksLocal({ peerAddress, headers }),
    ...(arrival?.certificate === undefined ? {} : { certificate: arrival.certificate }),
    ...(arrival?.rules.anonymous === undefined ? {} : { anonymous: arrival.rules.anonymous }),
  };
}

const PLAIN = { mqtt: 'tcp', websocket: 'websocket', http: 'http' } as const;
const SECURE = { mqtt: 'tls', websocket: 'secure websocket', http: 'https' } as const;

/** The rules of the listener that a socket came by. */
export function rulesOf(socket: net.Socket): ListenerRules {
  return arrivals.get(socket)?.rules ?? {};
}

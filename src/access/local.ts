import { isIP, isIPv4, isIPv6 } from 'node:net';

/** Headers as Node gives them: names in lower case. */
export type RequestHeaders = Readonly<Record<string, string | readonly string[] | undefined>>;

export type LocalQuestion = {
  /** The socket's `remoteAddress`; undefined when it is gone already. */
  readonly peerAddress: string | undefined;
  /** Of an HTTP or WebSocket request; null for plain MQTT over TCP. */
  readonly headers: RequestHeaders | null;
};

/**
 * Whether a request cannot come from another machine, nor from another site's page in this machine's browser: a loopback
 * peer, no header of a proxy, and for HTTP a Host that no DNS answer can bend here and no Origin but Sonde's own.
 */
export function isLocal({ peerAddress, headers }: LocalQuestion): boolean {
  if (peerAddress === undefined || !isLoopback(peerAddress)) return false;
  if (headers === null) return true;
  if (Object.keys(headers).some(isForwardingHeader)) return false;
  const host = parseHost(headers['host']);
  if (host === null || !isOwnName(host.name)) return false;
  return isOwnOrigin(headers['origin'], host) && isOwnFetch(headers);
}

function isLoopback(address: string): boolean {
  const mapped = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(address)?.[1];
  const plain = mapped ?? address;
  return plain === '::1' || (isIPv4(plain) && plain.startsWith('127.'));
}

const FORWARDING = new Set([
  'forwarded',
  'via',
  'x-real-ip',
  'x-client-ip',
  'x-cluster-client-ip',
  'x-remote-ip',
  'x-remote-addr',
  'x-original-host',
  'x-original-url',
  'x-rewrite-url',
  'x-envoy-external-address',
  'x-azure-clientip',
  'x-proxyuser-ip',
  'client-ip',
  'true-client-ip',
  'fastly-client-ip',
  'cdn-loop',
  'proxy-authorization',
]);

function isForwardingHeader(name: string): boolean {
  return (
    FORWARDING.has(name) || name.startsWith('x-forwarded') || name.startsWith('cf-') || name.startsWith('tailscale-')
  );
}

type Host = { readonly name: string; readonly port: string };

/** `name[:port]` of a Host header; null for anything else, and for none or several. */
function parseHost(header: string | readonly string[] | undefined): Host | null {
  if (typeof header !== 'string') return null;
  const parts = /^(\[[0-9a-f:.]+\]|[^:[\]/@\s]+)(?::(\d{1,5}))?$/i.exec(header);
  if (parts === null) return null;
  const name = (parts[1] ?? '').toLowerCase();
  return { name: name.startsWith('[') ? name.slice(1, -1) : name, port: parts[2] ?? '' };
}

/** DNS rebinding gives a stranger's name our address, but cannot make a browser send `localhost` or an address. */
function isOwnName(name: string): boolean {
  return name === 'localhost' || isIP(name) !== 0;
}

const DEFAULT_PORTS: Readonly<Record<string, string>> = { 'http:': '80', 'https:': '443', 'ws:': '80', 'wss:': '443' };

/** No Origin, or the one of a page that this Host itself served. `null` (files, sandboxed frames) is somebody else's. */
function isOwnOrigin(origin: string | readonly string[] | undefined, host: Host): boolean {
  if (origin === undefined) return true;
  if (typeof origin !== 'string' || !URL.canParse(origin)) return false;
  const url = new URL(origin);
  const defaultPort = DEFAULT_PORTS[url.protocol];
  if (defaultPort === undefined || url.username !== '' || url.password !== '') return false;
  const samePort = (url.port || defaultPort) === (host.port || defaultPort);
  return samePort && url.hostname === urlHostname(host.name);
}

/** As `URL` writes a host name: `[::1]` for addresses of version 6, in their shortest form. */
function urlHostname(name: string): string {
  return new URL(`http://${isIPv6(name) ? `[${name}]` : name}`).hostname;
}

/**
 * Browsers say whence a request comes even where they send no Origin (an image of another site's page). Opening a link is
 * allowed: its page cannot see the answer.
 */
function isOwnFetch(headers: RequestHeaders): boolean {
  const site = headers['sec-fetch-site'];
  if (site === undefined || site === 'same-origin' || site === 'none') return true;
  return headers['sec-fetch-mode'] === 'navigate' && headers['sec-fetch-dest'] === 'document';
}

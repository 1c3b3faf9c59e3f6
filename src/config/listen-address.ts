import { isIPv6 } from 'node:net';
import type { ListenAddress } from './listener.ts';

/**
 * Reads `[HOST:]PORT`: `1883`, `127.0.0.1:1883`, `[::1]:1883`, `*:1883` (every interface). Answers what is wrong with it
 * as text. Port 0 lets the system pick.
 */
export function parseListenAddress(text: string): ListenAddress | string {
  const parts = /^(?:(.*):)?(\d+)$/.exec(text.trim());
  if (parts === null) return `${JSON.stringify(text)} is not [HOST:]PORT`;
  const port = Number(parts[2]);
  if (port > 65_535) return `${parts[2]} is not a port (0 to 65535)`;
  const host = parts[1];
  if (host === undefined || host === '*') return { host: null, port };
  if (host === '')
    return `${JSON.stringify(text)} has no host before the colon; every interface is ${port} or *:${port}`;
  const bracketed = /^\[(.*)\]$/.exec(host)?.[1];
  if (bracketed !== undefined) {
    return isIPv6(bracketed) ? { host: bracketed, port } : `${JSON.stringify(host)} is not an IPv6 address`;
  }
  if (host.includes(':')) return `an IPv6 address needs brackets: [${host}]:${port}`;
  if (!/^[A-Za-z0-9._-]+$/.test(host)) return `${JSON.stringify(host)} is not a host name or address`;
  return { host, port };
}

/** As people write it: `*:1883`, `127.0.0.1:1883`, `[::1]:1883`. */
export function listenAddressText({ host, port }: ListenAddress): string {
  if (host === null) return `*:${port}`;
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;
}

import { isIPv4, isIPv6 } from 'node:net';

/** What a PROXY header says of the client; null: nothing (LOCAL, UNKNOWN), so that it is the proxy itself that speaks. */
export type ProxySource = { readonly address: string; readonly port: number } | null;

export type ProxyHeader =
  /** Bytes are missing. */
  | { readonly state: 'more' }
  | { readonly state: 'read'; readonly source: ProxySource; readonly length: number }
  | { readonly state: 'fault'; readonly why: string };

const SIGNATURE_2 = Buffer.from([0x0d, 0x0a, 0x0d, 0x0a, 0x00, 0x0d, 0x0a, 0x51, 0x55, 0x49, 0x54, 0x0a]);
const SIGNATURE_1 = Buffer.from('PROXY ');
/** Of a line of version 1 with its CRLF, by the specification. */
const MAX_LINE_BYTES = 107;
/** Of addresses and TLVs of version 2: more than any proxy sends, less than what would be worth an attack. */
const MAX_BODY_BYTES = 4096;
const MORE: ProxyHeader = { state: 'more' };

/** The most that is ever looked at. */
export const MAX_PROXY_BYTES = 16 + MAX_BODY_BYTES;

/**
 * Reads the header of the PROXY protocol (haproxy.org, proxy-protocol.txt) at the beginning of a connection, version 1 or 2,
 * with all that came so far. Strict: what is not exactly one is a fault, at the first byte that shows it.
 */
export function readProxyHeader(bytes: Buffer): ProxyHeader {
  if (bytes.length === 0) return MORE;
  if (startsAs(bytes, SIGNATURE_2)) return readVersion2(bytes);
  if (startsAs(bytes, SIGNATURE_1)) return readVersion1(bytes);
  return fault('the connection does not begin with a PROXY header');
}

function startsAs(bytes: Buffer, signature: Buffer): boolean {
  const length = Math.min(bytes.length, signature.length);
  return bytes.compare(signature, 0, length, 0, length) === 0;
}

/** `PROXY TCP4 192.0.2.7 192.0.2.1 51234 1883` and CRLF. */
function readVersion1(bytes: Buffer): ProxyHeader {
  const end = bytes.indexOf('\r\n');
  if (end < 0) {
    if (bytes.length < MAX_LINE_BYTES) return MORE;
    return fault(`a PROXY line of more than ${MAX_LINE_BYTES} bytes`);
  }
  const length = end + 2;
  if (length > MAX_LINE_BYTES) return fault(`a PROXY line of more than ${MAX_LINE_BYTES} bytes`);
  const line = bytes.toString('latin1', SIGNATURE_1.length, end);
  // What follows UNKNOWN is to be ignored.
  if (line === 'UNKNOWN' || line.startsWith('UNKNOWN ')) return { state: 'read', source: null, length };
  const [family, source = '', target = '', sourcePort = '', targetPort = '', ...more] = line.split(' ');
  const isAddress = family === 'TCP4' ? isIPv4 : family === 'TCP6' ? isIPv6 : null;
  if (isAddress === null || more.length > 0) return fault('a PROXY line that is not TCP4, TCP6 or UNKNOWN');
  if (!isPlain(source) || !isAddress(source) || !isPlain(target) || !isAddress(target)) {
    return fault('a PROXY line with an address that is none');
  }
  const port = portOf(sourcePort);
  if (port === null || portOf(targetPort) === null) return fault('a PROXY line with a port that is none');
  return { state: 'read', source: { address: unmapped(source), port }, length };
}

/** Node takes zones (`fe80::1%eth0`) for addresses; a proxy has none to send. */
function isPlain(address: string): boolean {
  return !address.includes('%');
}

function portOf(text: string): number | null {
  const port = Number(text);
  return /^(0|[1-9]\d{0,4})$/.test(text) && port <= 65_535 ? port : null;
}

/** Addresses in bytes, by family and transport (the 14th byte). Datagrams cannot have come by a stream. */
const FAMILIES: Readonly<Record<number, number>> = { 0: 0, 17: 12, 33: 36, 49: 216 };

/**
 * ```
 * | signature (12) | version, command | family | length (2) | source, target, ports | TLVs |
 * ```
 */
function readVersion2(bytes: Buffer): ProxyHeader {
  if (bytes.length > 12) {
    const version = bytes[12] as number;
    if (version !== 0x20 && version !== 0x21)
      return fault('a PROXY header that is neither LOCAL nor PROXY of version 2');
  }
  if (bytes.length > 13 && FAMILIES[bytes[13] as number] === undefined) {
    return fault('a PROXY header of an unknown family of addresses');
  }
  if (bytes.length < 16) return MORE;
  const isLocal = bytes[12] === 0x20;
  const family = bytes[13] as number;
  const body = bytes.readUInt16BE(14);
  if (body > MAX_BODY_BYTES) return fault(`a PROXY header of more than ${MAX_BODY_BYTES} bytes`);
  // The addresses of LOCAL are to be ignored, whatever they are.
  if (!isLocal && body < (FAMILIES[family] as number))
    return fault('a PROXY header that is shorter than its addresses');
  const length = 16 + body;
  if (bytes.length < length) return MORE;
  if (isLocal) return { state: 'read', source: null, length };
  if (family === 0x11)
    return { state: 'read', source: { address: ipv4(bytes, 16), port: bytes.readUInt16BE(24) }, length };
  if (family === 0x21)
    return { state: 'read', source: { address: ipv6(bytes, 16), port: bytes.readUInt16BE(48) }, length };
  return { state: 'read', source: null, length };
}

function ipv4(bytes: Buffer, at: number): string {
  return bytes.subarray(at, at + 4).join('.');
}

function ipv6(bytes: Buffer, at: number): string {
  const groups = Array.from({ length: 8 }, (_, n) => bytes.readUInt16BE(at + n * 2).toString(16));
  return unmapped(groups.join(':'));
}

/** In its shortest form; an IPv4 address in IPv6's clothes as the IPv4 address that it is. */
function unmapped(address: string): string {
  if (!isIPv6(address)) return address;
  const short = new URL(`http://[${address}]`).hostname.slice(1, -1);
  const mapped = /^::ffff:([0-9a-f]{1,4}):([0-9a-f]{1,4})$/.exec(short);
  if (mapped === null) return short;
  const [high, low] = [Number.parseInt(mapped[1] as string, 16), Number.parseInt(mapped[2] as string, 16)];
  return [high >> 8, high & 255, low >> 8, low & 255].join('.');
}

function fault(why: string): ProxyHeader {
  return { state: 'fault', why };
}

/** `more`: not all of it is there. `serverName` null: it names none, or is nothing that TLS itself would take. */
export type ClientHello = { readonly state: 'more' } | { readonly state: 'read'; readonly serverName: string | null };

/** Of a hello with its record headers: longer ones are left to TLS. Those of browsers have about 2 KiB. */
export const MAX_HELLO_BYTES = 20_000;

const MORE: ClientHello = { state: 'more' };
const NAMELESS: ClientHello = { state: 'read', serverName: null };

const HANDSHAKE = 22;
const CLIENT_HELLO = 1;
const SERVER_NAME = 0;
const HOST_NAME = 0;

/** Reads the server name (SNI, RFC 6066, 3) out of the first bytes of a TLS connection. What is wrong in it, TLS will say. */
export function readClientHello(bytes: Buffer): ClientHello {
  const message: Buffer[] = [];
  let have = 0;
  // The message may be cut into records at any place (RFC 8446, 5.1).
  for (let at = 0; ; ) {
    if (bytes.length < at + 5) return bytes.length > 0 && bytes[0] !== HANDSHAKE ? NAMELESS : MORE;
    if (bytes[at] !== HANDSHAKE) return NAMELESS;
    const end = at + 5 + bytes.readUInt16BE(at + 3);
    if (end === at + 5) return NAMELESS;
    message.push(bytes.subarray(at + 5, end));
    have += Math.min(end, bytes.length) - (at + 5);
    at = end;
    if (have >= 4) {
      const whole = Buffer.concat(message);
      if (whole[0] !== CLIENT_HELLO) return NAMELESS;
      const length = 4 + whole.readUIntBE(1, 3);
      if (length > MAX_HELLO_BYTES) return NAMELESS;
      if (have >= length) return { state: 'read', serverName: serverNameOf(whole.subarray(4, length)) };
    }
    if (bytes.length < at) return MORE;
  }
}

/** RFC 8446, 4.1.2: version, random, session id, cipher suites, compression methods, extensions. */
function serverNameOf(hello: Buffer): string | null {
  let at = 2 + 32;
  const skip = (lengthBytes: 1 | 2): boolean => {
    if (hello.length < at + lengthBytes) return false;
    at += lengthBytes + hello.readUIntBE(at, lengthBytes);
    return true;
  };
  if (!skip(1) || !skip(2) || !skip(1)) return null;
  at += 2;
  while (hello.length >= at + 4) {
    const [type, length] = [hello.readUInt16BE(at), hello.readUInt16BE(at + 2)];
    at += 4;
    if (type === SERVER_NAME) return hostNameOf(hello.subarray(at, at + length));
    at += length;
  }
  return null;
}

/** The list has one name: there is no other kind, and none twice. */
function hostNameOf(list: Buffer): string | null {
  if (list.length < 5 || list[2] !== HOST_NAME) return null;
  const name = list.subarray(5, 5 + list.readUInt16BE(3)).toString('latin1');
  return name === '' ? null : name;
}

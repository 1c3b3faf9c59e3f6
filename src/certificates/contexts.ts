import { createSecureContext, type SecureContext, type SecureContextOptions } from 'node:tls';
import type { Loaded, ServerCertificate } from './load.ts';
import { CIPHERS, type TlsSettings } from './settings.ts';

/** What a TLS server is given: its first certificate, and others by the name that a client asks for (SNI, RFC 6066). */
export type Contexts = {
  readonly fallback: SecureContextOptions;
  /** Undefined: the first certificate will do. */
  readonly forName: (serverName: string) => SecureContext | undefined;
};

/** How long a client may take up its session again without a full handshake: devices that sleep wake within a day. */
const SESSION_S = 12 * 3600;

/** Raises whatever OpenSSL finds wrong with the certificates. */
export function buildContexts(settings: TlsSettings, loaded: Loaded, ticketKeys: Buffer, id: string): Contexts {
  const common: SecureContextOptions = {
    minVersion: settings.minVersion,
    ciphers: CIPHERS,
    honorCipherOrder: true,
    sessionTimeout: SESSION_S,
    sessionIdContext: id,
    ticketKeys,
    ...(loaded.clientCa === null ? {} : { ca: loaded.clientCa }),
    ...(loaded.clientCrl === null ? {} : { crl: loaded.clientCrl }),
  };
  const groups = withOneKindOfKey(groupByNames(loaded.servers)).map((servers) => {
    const options = { ...common, cert: servers.map(({ cert }) => cert), key: servers.map(({ key }) => key) };
    return { servers, options, context: createSecureContext(options) };
  });
  const [first] = groups;
  if (first === undefined) throw new Error('a TLS listener without a certificate');

  const find = (name: string, wildcards: boolean) =>
    groups.find(({ servers }) => servers.some(({ x509 }) => x509.checkHost(name, { wildcards }) !== undefined));
  return {
    fallback: first.options,
    forName: (name) => (groups.length === 1 ? undefined : (find(name, false) ?? find(name, true))?.context),
  };
}

/** An RSA and an ECDSA certificate for the same names serve together: each client gets the one that it can check. */
function groupByNames(servers: readonly ServerCertificate[]): readonly (readonly ServerCertificate[])[] {
  const groups = new Map<string, ServerCertificate[]>();
  for (const server of servers) {
    const { x509 } = server;
    const names = (x509.subjectAltName ?? x509.subject).split(', ').sort().join();
    const group = groups.get(names) ?? [];
    group.push(server);
    groups.set(names, group);
  }
  return [...groups.values()];
}

/**
 * Where a name decides, Node changes one certificate and leaves those of other kinds of keys as they were: a client that asks
 * for a name could get the ECDSA certificate of another one. So with several names all have certificates of one kind.
 */
function withOneKindOfKey(
  groups: readonly (readonly ServerCertificate[])[],
): readonly (readonly ServerCertificate[])[] {
  if (groups.length === 1) return groups;
  const kindOf = ({ x509 }: ServerCertificate) => x509.publicKey.asymmetricKeyType;
  // RSA first: every device knows it.
  const kinds = ['rsa', ...new Set(groups.flat().map(kindOf))];
  const kind = kinds.find((one) => groups.every((servers) => servers.some((server) => kindOf(server) === one)));
  if (kind !== undefined) return groups.map((servers) => servers.filter((server) => kindOf(server) === kind));
  throw new Error('certificates for several names need keys of one kind: all of RSA, or all of ECDSA');
}

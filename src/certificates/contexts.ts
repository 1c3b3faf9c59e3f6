import { createSecureContext, type SecureContext, type SecureContextOptions } from 'node:tls';
import type { Loaded, ServerCertificate } from './load.ts';
import { CIPHERS, type TlsSettings } from './settings.ts';

/** What a TLS server is given: its first certificate, and others by the name that a client asks for (SNI, RFC 6066). */
export type Contexts = {
  readonly fallback: SecureContextOptions;
  /** For SNICallback. Undefined: the first certificate will do. */
  readonly forName: (serverName: string) => SecureContext | undefined;
  /**
   * Whether names have certificates of other kinds of keys than the first ones: then SNICallback cannot serve them, and
   * TLS has to be begun with `optionsFor`. Null there: the fallback will do.
   */
  readonly mixed: boolean;
  readonly optionsFor: (serverName: string) => SecureContextOptions | null;
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
  const groups = groupByNames(loaded.servers).map((servers) => {
    const options = { ...common, cert: servers.map(({ cert }) => cert), key: servers.map(({ key }) => key) };
    return { servers, options, context: createSecureContext(options) };
  });
  const [first] = groups;
  if (first === undefined) throw new Error('a TLS listener without a certificate');

  const match = (name: string, wildcards: boolean) =>
    groups.find(({ servers }) => servers.some(({ x509 }) => x509.checkHost(name, { wildcards }) !== undefined));
  const find = (name: string) => match(name, false) ?? match(name, true);
  const mixed = new Set(groups.map(({ servers }) => kindsOf(servers))).size > 1 || first.servers.length > 1;
  return {
    fallback: first.options,
    forName: (name) => (groups.length === 1 || mixed ? undefined : find(name)?.context),
    mixed: groups.length > 1 && mixed,
    optionsFor: (name) => {
      const found = find(name);
      return found === undefined || found === first ? null : found.options;
    },
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
 * SNICallback changes the certificate of one kind of key and leaves those of other kinds as they were: a client that asks for
 * a name could get the ECDSA certificate of another one. It will do only where each name has one certificate, all of one kind.
 */
function kindsOf(servers: readonly ServerCertificate[]): string {
  return servers
    .map(({ x509 }) => x509.publicKey.asymmetricKeyType)
    .sort()
    .join();
}

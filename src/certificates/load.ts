import { createPrivateKey, type KeyObject, X509Certificate } from 'node:crypto';
import * as fs from 'node:fs';
import { messageOf, OperatorError, systemCode } from '../base/index.ts';
import type { TlsSettings } from './settings.ts';

/** A server certificate with its key, both read and found to belong together. */
export type ServerCertificate = {
  readonly file: string;
  readonly x509: X509Certificate;
  /** With the chain, as it stands in the file. */
  readonly cert: string;
  readonly key: string;
};

/** What the files of one listener hold. */
export type Loaded = {
  readonly servers: readonly ServerCertificate[];
  /** CAs of client certificates, and what they have withdrawn; null: none. */
  readonly clientCa: string | null;
  readonly clientCrl: string | null;
};

/** The files that a listener depends on. `local`: the file of the local CA's server certificate. */
export function filesOf(settings: TlsSettings, local: string | null): readonly string[] {
  const { cert, key, clientCa, clientCrl } = settings;
  const own = cert.length > 0 ? [...cert, ...key] : [local ?? []].flat();
  return [...own, ...[clientCa ?? [], clientCrl ?? []].flat()];
}

/** Reads and checks them all; throws an OperatorError that names the file and what is wrong with it. */
export function loadCertificates(settings: TlsSettings, local: string | null): Loaded {
  const { cert, key, clientCa, clientCrl } = settings;
  const pairs = cert.length > 0 ? cert.map((file, at) => [file, key[at] ?? file] as const) : [];
  if (pairs.length === 0 && local !== null) pairs.push([local, local]);
  return {
    servers: pairs.map(([file, keyFile]) => loadServer(file, keyFile)),
    clientCa: clientCa === null ? null : loadClientCa(clientCa),
    clientCrl: clientCrl === null ? null : loadCrl(clientCrl),
  };
}

function loadServer(file: string, keyFile: string): ServerCertificate {
  const cert = readText(file);
  const key = keyFile === file ? cert : readText(keyFile);
  const x509 = parsed(file, 'holds no certificate in PEM', () => new X509Certificate(cert));
  const privateKey: KeyObject = parsed(keyFile, 'holds no private key in PEM without a passphrase', () =>
    createPrivateKey(key),
  );
  if (!x509.checkPrivateKey(privateKey)) throw unusable(keyFile, `it is not the key of the certificate in ${file}`);
  return { file, x509, cert, key };
}

function loadClientCa(file: string): string {
  const text = readText(file);
  const blocks = text.match(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g) ?? [];
  if (blocks.length === 0) throw unusable(file, 'it holds no certificate in PEM');
  for (const block of blocks) parsed(file, 'holds a certificate that is broken', () => new X509Certificate(block));
  return text;
}

function loadCrl(file: string): string {
  const text = readText(file);
  if (!text.includes('-----BEGIN X509 CRL-----')) throw unusable(file, 'it holds no revocation list in PEM');
  return text;
}

function parsed<T>(file: string, what: string, parse: () => T): T {
  try {
    return parse();
  } catch (error) {
    throw unusable(file, `it ${what} (${messageOf(error)})`);
  }
}

function readText(file: string): string {
  try {
    return fs.readFileSync(file, 'utf8');
  } catch (error) {
    throw unusable(file, systemCode(error) === 'ENOENT' ? 'there is no such file' : messageOf(error));
  }
}

function unusable(file: string, why: string): OperatorError {
  return new OperatorError(`the TLS file ${file} cannot be used: ${why}`, 'Correct the file or its name.');
}

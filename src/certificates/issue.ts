import { generateKeyPair, randomBytes } from 'node:crypto';
import { promisify } from 'node:util';
import type { Names } from './machine-names.ts';

/** A certificate and its private key, as PEM. */
export type Issued = { readonly cert: string; readonly key: string };

const DAY_MS = 24 * 3600 * 1000;
/** A device's clock may be behind ours. */
export const BACKDATED_MS = DAY_MS;
const CA_DAYS = 3650;
/** Apple takes no server certificate of more than 825 days, also from a CA that its owner trusts. */
export const SERVER_DAYS = 397;
// RSA, since every device can check it, and checks it quicker than ECDSA; 2048 bits fit the memory of an ESP8266.
const KEY_BITS = 2048;

/** Makes a CA of this machine's own. */
export async function issueCa(host: string, nowMs: number): Promise<Issued> {
  const subject = [
    { name: 'organizationName', value: 'Sonde' },
    { name: 'commonName', value: `Sonde CA of ${host}`.slice(0, 64) },
  ];
  return issue({
    subject,
    days: CA_DAYS,
    nowMs,
    issuer: null,
    extensions: [
      { name: 'basicConstraints', cA: true, pathLenConstraint: 0, critical: true },
      { name: 'keyUsage', keyCertSign: true, cRLSign: true, critical: true },
      { name: 'subjectKeyIdentifier' },
    ],
  });
}

/** Makes a server certificate for these names. */
export async function issueServer(ca: Issued, names: Names, nowMs: number): Promise<Issued> {
  const altNames = [
    ...names.dns.map((value) => ({ type: 2, value })),
    ...names.addresses.map((ip) => ({ type: 7, ip })),
  ];
  return issue({
    subject: [
      { name: 'organizationName', value: 'Sonde' },
      { name: 'commonName', value: (names.dns[1] ?? 'localhost').slice(0, 64) },
    ],
    days: SERVER_DAYS,
    nowMs,
    issuer: ca,
    extensions: [
      { name: 'basicConstraints', cA: false, critical: true },
      { name: 'keyUsage', digitalSignature: true, keyEncipherment: true, critical: true },
      { name: 'extKeyUsage', serverAuth: true },
      { name: 'subjectAltName', altNames },
      { name: 'subjectKeyIdentifier' },
    ],
  });
}

type Order = {
  readonly subject: readonly { readonly name: string; readonly value: string }[];
  readonly days: number;
  readonly nowMs: number;
  /** Null: signed by itself. */
  readonly issuer: Issued | null;
  readonly extensions: readonly Record<string, unknown>[];
};

async function issue(order: Order): Promise<Issued> {
  // Loaded when there is something to issue, which is once a year.
  const { default: forge } = await import('node-forge');
  const { pki } = forge;
  const { publicKey, privateKey } = await promisify(generateKeyPair)('rsa', {
    modulusLength: KEY_BITS,
    publicKeyEncoding: { type: 'spki', format: 'pem' },
    privateKeyEncoding: { type: 'pkcs8', format: 'pem' },
  });
  const issuer = order.issuer === null ? null : pki.certificateFromPem(order.issuer.cert);
  const cert = pki.createCertificate();
  cert.publicKey = pki.publicKeyFromPem(publicKey);
  // 16 bytes whose first is neither negative nor nought (RFC 5280, 4.1.2.2).
  cert.serialNumber = `5${randomBytes(16).toString('hex').slice(1)}`;
  cert.validity.notBefore = new Date(order.nowMs - BACKDATED_MS);
  const endMs = order.nowMs + order.days * DAY_MS;
  cert.validity.notAfter = new Date(Math.min(endMs, issuer?.validity.notAfter.getTime() ?? endMs));
  cert.setSubject([...order.subject]);
  cert.setIssuer(issuer === null ? [...order.subject] : issuer.subject.attributes);
  const keyIdentifier = (issuer ?? cert).generateSubjectKeyIdentifier().getBytes();
  cert.setExtensions([...order.extensions, { name: 'authorityKeyIdentifier', keyIdentifier }]);
  cert.sign(pki.privateKeyFromPem(order.issuer?.key ?? privateKey), forge.md.sha256.create());
  return { cert: pki.certificateToPem(cert).replaceAll('\r\n', '\n'), key: privateKey };
}

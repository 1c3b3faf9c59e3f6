import type { X509Certificate } from 'node:crypto';

/** Who a client's certificate says it is, or why that cannot be a user name. */
export type CertificateIdentity =
  | { readonly ok: true; readonly user: string }
  | { readonly ok: false; readonly why: string };

const MAX_CHARACTERS = 256;

/** The user of a certificate whose chain was verified. */
export function identityOf(certificate: X509Certificate, from: 'cn' | 'subject'): CertificateIdentity {
  const user = from === 'cn' ? commonName(certificate) : wholeSubject(certificate);
  if (user === null) return { ok: false, why: 'it has no common name, or more than one' };
  const why = userFault(user);
  return why === null ? { ok: true, user } : { ok: false, why };
}

/** Why a text cannot be a user name, or null. It may stand in topic filters (`%u`) and in log lines. */
export function userFault(user: string): string | null {
  if (user === '') return 'the name in it is empty';
  if (user.length > MAX_CHARACTERS) return `the name in it is longer than ${MAX_CHARACTERS} characters`;
  if (/[+#/]/.test(user)) return 'the name in it has one of + # / in it';
  if (/[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}\uFFFD]/u.test(user)) return 'the name in it has characters that cannot be seen';
  if (user.startsWith('$')) return 'the name in it begins with $';
  if (user === 'anonymous') return 'the name in it is anonymous';
  return null;
}

/** Unescaped; null unless there is exactly one. */
function commonName(certificate: X509Certificate): string | null {
  const { CN } = certificate.toLegacyObject().subject as { readonly CN?: string | readonly string[] };
  return typeof CN === 'string' ? CN : null;
}

/** `CN=esp-1,O=Lab`: most specific first, with its own commas and quotes escaped (RFC 4514). */
function wholeSubject(certificate: X509Certificate): string {
  return (certificate.subject ?? '').split('\n').reverse().join(',');
}

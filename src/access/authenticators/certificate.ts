import type { CertificateIdentity } from '../../certificates/index.ts';
import type { Authenticator, Decision, Principal } from '../port.ts';

/**
 * Answers those whose certificate was verified while TLS was set up: its name is the user. Whoever brings a password too
 * has it checked by the next method, for the token of the same name. A certificate whose name cannot be a user lets nobody
 * in, whatever else comes with it.
 */
export function certificateAuthenticator(principalOf: (user: string, clientId: string) => Principal): Authenticator {
  return ({ username, password, clientId, remote }) => {
    const { certificate } = remote;
    if (certificate === undefined) return null;
    const refusal = certificateRefusal(certificate, username);
    if (refusal !== null) return refusal;
    if (password !== null && password.length > 0) return null;
    return certificate.ok ? { ok: true, principal: principalOf(certificate.user, clientId) } : null;
  };
}

/**
 * Why somebody with this certificate may not sign in under a name, or null; the same for every way of signing in. A name
 * that is null or empty contradicts nothing.
 */
export function certificateRefusal(
  certificate: CertificateIdentity | undefined,
  username: string | null,
): Extract<Decision, { ok: false }> | null {
  if (certificate === undefined) return null;
  if (!certificate.ok) {
    return { ok: false, reason: 'not-authorized', detail: `its certificate is no user: ${certificate.why}` };
  }
  const { user } = certificate;
  if (username === null || username === '' || username === user) return null;
  const detail = `user name ${JSON.stringify(username)} with the certificate of ${JSON.stringify(user)}`;
  return { ok: false, reason: 'bad-credentials', detail };
}

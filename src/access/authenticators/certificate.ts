import type { Authenticator, Principal } from '../port.ts';

/**
 * Answers those whose certificate was verified while TLS was set up: its name is the user. Whoever brings a password too
 * has it checked by the next method, and is then whom it says. A certificate whose name cannot be a user lets nobody in.
 */
export function certificateAuthenticator(principalOf: (user: string, clientId: string) => Principal): Authenticator {
  return ({ username, password, clientId, remote }) => {
    const { certificate } = remote;
    if (certificate === undefined) return null;
    if (!certificate.ok) {
      return { ok: false, reason: 'not-authorized', detail: `its certificate is no user: ${certificate.why}` };
    }
    if (password !== null && password.length > 0) return null;
    const { user } = certificate;
    if (username !== null && username !== '' && username !== user) {
      const detail = `user name ${JSON.stringify(username)} with the certificate of ${JSON.stringify(user)}`;
      return { ok: false, reason: 'bad-credentials', detail };
    }
    return { ok: true, principal: principalOf(user, clientId) };
  };
}

import type { Authenticator, Principal } from '../port.ts';

/** Who may come without a name: nobody, only this machine (see `local.ts`), or everybody. */
export type AnonymousPolicy = 'none' | 'local' | 'all';

/**
 * A listener may have a policy of its own. Answers those who bring neither a user name nor a password; an empty user name is none (small clients send one).
 * Whoever brings a name or a password has it checked by the next method, also where anonymous would be let in.
 */
export function anonymousAuthenticator(
  policy: AnonymousPolicy,
  principalOf: (clientId: string) => Principal,
): Authenticator {
  return ({ username, password, clientId, remote }) => {
    const here = remote.anonymous ?? policy;
    const bringsName = username !== null && username !== '';
    const bringsPassword = password !== null && password.length > 0;
    if (bringsName || bringsPassword) return null;
    if (here === 'all') return { ok: true, principal: principalOf(clientId) };
    if (here === 'local' && remote.local) return { ok: true, principal: principalOf(clientId) };
    return {
      ok: false,
      reason: 'not-authorized',
      detail:
        here === 'none'
          ? 'no user name, and anonymous access is off'
          : 'no user name, and anonymous access is for this machine only',
    };
  };
}

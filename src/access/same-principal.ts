import type { Principal } from './port.ts';

/**
 * Whether two sign-ins were the same principal's, so that the second may go on with the sessions of the first: of one
 * kind, with one name, in one namespace, and by one token. A new secret leaves a token the same; revoked and made anew
 * under the same key it is another one.
 */
export function isSamePrincipal(one: Principal, other: Principal): boolean {
  if (one === other) return true;
  return one.kind === other.kind && one.name === other.name && one.world === other.world && one.since === other.since;
}

/** Whether somebody signed in by the token of this key: others may have its name, by a certificate for one. */
export function isOfToken({ kind, name }: Principal, key: string): boolean {
  return kind === 'token' && name === key;
}

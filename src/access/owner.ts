import { DEFAULT_NAMESPACE } from './namespaces.ts';
import type { Principal } from './port.ts';

/**
 * Whether somebody owns the server, and so may see figures of all of it: who has everything of `default`, by a token or
 * on this machine (`local`: see `local.ts`). Anonymous from elsewhere never does, and nobody whom a topic rule or a
 * read-only token narrows.
 */
export function isOwner(principal: Principal, local: boolean): boolean {
  if (principal.world !== DEFAULT_NAMESPACE || !principal.rules.all) return false;
  return principal.kind === 'token' || local;
}

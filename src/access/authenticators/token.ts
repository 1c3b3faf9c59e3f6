import type { Authenticator, Credentials, Decision, Principal } from '../port.ts';
import type { CheckPool } from '../tokens/check-pool.ts';
import { decoyHash, verifySecret } from '../tokens/secret-hash.ts';
import type { Token } from '../tokens/token.ts';
import type { TokenReader } from '../tokens/token-reader.ts';
import type { VerifiedCache } from '../tokens/verified-cache.ts';

export type TokenAuthenticatorParts = {
  readonly reader: TokenReader;
  readonly pool: CheckPool;
  readonly cache: VerifiedCache<Token>;
  /** Null: the token's namespace does not exist. */
  readonly principalOf: (token: Token, clientId: string) => Principal | null;
};

/** Longer ones are no token's; refused before anything is computed over them. */
const MAX_KEY_CHARACTERS = 128;
const MAX_SECRET_BYTES = 1024;

/**
 * The user name is a token's key, the password its secret. A pair that was verified before is answered at once; others
 * wait for a bounded pool. The same pair is checked once for all who bring it meanwhile.
 */
export function tokenAuthenticator(parts: TokenAuthenticatorParts): Authenticator {
  const { reader, pool, cache, principalOf } = parts;
  const decoy = decoyHash();
  const underWay = new Map<string, Promise<Verdict>>();

  /** The token of the pair, or why there is none. Unknown keys run the same check as wrong secrets. */
  const check = async (key: string, secret: Uint8Array): Promise<Token | null> => {
    // The second round is for a token that was created or replaced while the first was computed.
    for (let round = 1; ; round++) {
      const token = reader.get(key);
      const right = await verifySecret(secret, token?.secret ?? decoy);
      reader.refresh();
      const unchanged = reader.get(key) === token;
      if (unchanged) return right && token !== undefined ? token : null;
      if (round === 2) return null;
    }
  };

  const verify = (digest: string, key: string, secret: Uint8Array, address: string): Promise<Verdict> | null => {
    const running = underWay.get(digest);
    if (running !== undefined) return running;
    // The connection's buffer is used again before the check is done.
    const ownSecret = Uint8Array.from(secret);
    const started = pool.run(address, () => check(key, ownSecret));
    if (started === null) return null;
    const verdict = started
      .then(
        (token): Verdict => {
          if (token !== null) cache.put(digest, token);
          return { token, fault: null };
        },
        (error: unknown): Verdict => ({ token: null, fault: String(error) }),
      )
      .finally(() => underWay.delete(digest));
    underWay.set(digest, verdict);
    return verdict;
  };

  const admit = (token: Token, clientId: string): Decision => {
    const principal = principalOf(token, clientId);
    if (principal !== null) return { ok: true, principal };
    const detail = `the namespace ${token.namespace} of the token ${token.key} does not exist`;
    return { ok: false, reason: 'not-authorized', detail };
  };

  return ({ username, password, clientId, remote }: Credentials) => {
    if (username === null || username === '') return null;
    if (password === null) return refuse('bad-credentials', 'a user name without a password');
    if (username.length > MAX_KEY_CHARACTERS || password.length > MAX_SECRET_BYTES) {
      return refuse('bad-credentials', 'the user name or the password is longer than any token');
    }

    const digest = cache.digest(username, password);
    const known = cache.get(digest);
    if (known !== undefined) {
      if (reader.get(username) === known) return admit(known, clientId);
      cache.drop(digest);
    }

    if (reader.get(username) === undefined) reader.refresh();
    if (reader.broken()) return refuse('unavailable', 'the token file cannot be used');
    const verdict = verify(digest, username, password, remote.address);
    if (verdict === null) return refuse('unavailable', 'too many sign-ins wait to be checked');
    return verdict.then(({ token, fault }) => {
      if (fault !== null) return refuse('unavailable', `the secret could not be checked: ${fault}`);
      // Asked again, since a token may have been revoked while the answer was on its way.
      if (token === null || reader.get(username) !== token) {
        return refuse('bad-credentials', `no token with this key and secret: ${JSON.stringify(username)}`);
      }
      return admit(token, clientId);
    });
  };
}

type Verdict = { readonly token: Token | null; readonly fault: string | null };

function refuse(reason: 'bad-credentials' | 'unavailable', detail: string): Decision {
  return { ok: false, reason, detail };
}

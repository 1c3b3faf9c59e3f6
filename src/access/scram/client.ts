import { timingSafeEqual } from 'node:crypto';
import { hash, hmac, saltedPassword } from './keys.ts';
import type { ScramMechanism } from './mechanism.ts';
import { encodeName } from './messages.ts';
import { saslprep } from './saslprep.ts';

/** The client's side of one sign-in, for `sonde pub|sub --scram` and for tests. */
export type ScramClient = {
  readonly first: Buffer;
  /** Answers the server's first message. Rejects one that is wrong, or asks for fewer rounds than RFC 7677 allows. */
  readonly final: (serverFirst: Uint8Array) => Promise<Buffer>;
  /** Whether the server's last message proves that it knows the token. */
  readonly isServer: (serverFinal: Uint8Array) => boolean;
};

const MIN_ITERATIONS = 4096;
/** Some 10 s: a server must not keep a client busy without end. */
const MAX_ITERATIONS = 10_000_000;

/** `nonce`: printable, without a comma, new each time. Throws for a name or secret that SASLprep refuses. */
export function scramClient(mechanism: ScramMechanism, name: string, secret: string, nonce: string): ScramClient {
  const preparedName = saslprep(name);
  const preparedSecret = saslprep(secret);
  if (preparedName === null || preparedSecret === null) {
    throw new Error('the user name or the password holds characters that SCRAM does not allow');
  }
  const bare = `n=${encodeName(preparedName)},r=${nonce}`;
  let expected: Buffer | null = null;
  return {
    first: Buffer.from(`n,,${bare}`),
    async final(serverFirst) {
      const message = Buffer.from(serverFirst).toString();
      const [, fullNonce = '', salt = '', rounds = ''] =
        /^r=([^,]+),s=([^,]+),i=(\d{1,9})(?:,.*)?$/.exec(message) ?? [];
      const iterations = Number(rounds);
      if (!fullNonce.startsWith(nonce) || fullNonce === nonce)
        throw new Error('the server answered with a wrong nonce');
      if (iterations < MIN_ITERATIONS || iterations > MAX_ITERATIONS) {
        throw new Error(`the server asks for ${iterations} rounds of hashing`);
      }
      const salted = await saltedPassword(mechanism, preparedSecret, Buffer.from(salt, 'base64'), iterations);
      const clientKey = hmac(mechanism, salted, 'Client Key');
      const withoutProof = `c=biws,r=${fullNonce}`;
      const signed = `${bare},${message},${withoutProof}`;
      const signature = hmac(mechanism, hash(mechanism, clientKey), signed);
      const proof = clientKey.map((byte, at) => byte ^ (signature[at] as number));
      expected = hmac(mechanism, hmac(mechanism, salted, 'Server Key'), signed);
      return Buffer.from(`${withoutProof},p=${Buffer.from(proof).toString('base64')}`);
    },
    isServer(serverFinal) {
      const verifier = Buffer.from(/^v=([^,]+)/.exec(Buffer.from(serverFinal).toString())?.[1] ?? '', 'base64');
      return expected !== null && verifier.length === expected.length && timingSafeEqual(verifier, expected);
    },
  };
}

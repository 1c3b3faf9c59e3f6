import { timingSafeEqual } from 'node:crypto';
import { hash, hmac, type ScramKeys } from './keys.ts';
import type { ScramMechanism } from './mechanism.ts';
import { type ClientFirst, isFault, readClientFinal, readClientFirst, type ScramFault } from './messages.ts';
import { saslprep } from './saslprep.ts';

/** What the server makes of the client's first message. */
export type ServerFirst = {
  /** As the client gave it, in the form of SASLprep. */
  readonly name: string;
  readonly keys: ScramKeys;
  readonly nonce: string;
  readonly client: ClientFirst;
  /** To the client. */
  readonly message: string;
};

/**
 * Answers the first message of a client (RFC 5802, 3). `serverNonce` is new each time and printable, without a comma.
 * `keysOf` answers for every name, also for one that nobody has: who asks cannot tell.
 */
export function answerFirst(
  message: Uint8Array,
  serverNonce: string,
  keysOf: (name: string) => ScramKeys,
): ServerFirst | ScramFault {
  const client = readClientFirst(message);
  if (isFault(client)) return client;
  const name = saslprep(client.name);
  if (name === null) return { fault: 'invalid-username-encoding', why: 'a name with characters that SASLprep refuses' };
  if (client.authzid !== null && saslprep(client.authzid) !== name) {
    return { fault: 'other-error', why: 'the client wants to act for somebody else than it signs in as' };
  }
  const keys = keysOf(name);
  const nonce = client.nonce + serverNonce;
  return { name, keys, nonce, client, message: `r=${nonce},s=${keys.salt},i=${keys.iterations}` };
}

/** Checks the last message of a client; the answer proves to it that the server knows the token too. */
export function answerFinal(
  mechanism: ScramMechanism,
  first: ServerFirst,
  message: Uint8Array,
): { readonly message: string } | ScramFault {
  const final = readClientFinal(message, mechanism.bytes);
  if (isFault(final)) return final;
  if (final.channelBinding !== Buffer.from(first.client.gs2Header).toString('base64')) {
    return { fault: 'channel-bindings-dont-match', why: 'the header of the last message is not that of the first' };
  }
  if (final.nonce !== first.nonce) {
    return { fault: 'other-error', why: 'the nonce of the last message is not the one of this sign-in' };
  }
  const signed = `${first.client.bare},${first.message},${final.withoutProof}`;
  const storedKey = Buffer.from(first.keys.storedKey, 'base64');
  const signature = hmac(mechanism, storedKey, signed);
  const clientKey = final.proof.map((byte, at) => byte ^ (signature[at] as number));
  if (!timingSafeEqual(hash(mechanism, clientKey), storedKey)) {
    return { fault: 'invalid-proof', why: 'the proof is not that of the secret' };
  }
  const verifier = hmac(mechanism, Buffer.from(first.keys.serverKey, 'base64'), signed);
  return { message: `v=${verifier.toString('base64')}` };
}

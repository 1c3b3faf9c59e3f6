import { createHash, createHmac, pbkdf2, randomBytes } from 'node:crypto';
import { promisify } from 'node:util';
import { SCRAM_MECHANISMS, type ScramMechanism } from './mechanism.ts';
import { saslprep } from './saslprep.ts';

/**
 * What a server keeps of a secret for one mechanism (RFC 5802, 3). It lets one check a client and prove oneself to it; it
 * neither holds the secret nor lets one sign in with it. All in base64.
 */
export type ScramKeys = {
  readonly mechanism: string;
  readonly iterations: number;
  readonly salt: string;
  readonly storedKey: string;
  readonly serverKey: string;
};

/**
 * The client pays them at each sign-in, the server only when a token is made: about 45 ms here, as much as one scrypt
 * check, so that the file is no easier to guess at than by it on the same processor.
 */
export const SCRAM_ITERATIONS = 50_000;
export const SCRAM_SALT_BYTES = 16;

const derive = promisify(pbkdf2);

/** SaltedPassword of RFC 5802, 3. The secret is prepared already (`saslprep`). */
export function saltedPassword(
  mechanism: ScramMechanism,
  secret: string,
  salt: Uint8Array,
  iterations: number,
): Promise<Buffer> {
  return derive(secret, salt, iterations, mechanism.bytes, mechanism.digest);
}

export function hmac(mechanism: ScramMechanism, key: Uint8Array, text: string): Buffer {
  return createHmac(mechanism.digest, key).update(text).digest();
}

export function hash(mechanism: ScramMechanism, bytes: Uint8Array): Buffer {
  return createHash(mechanism.digest).update(bytes).digest();
}

/** StoredKey and ServerKey of a prepared secret. */
export async function scramKeys(
  mechanism: ScramMechanism,
  secret: string,
  salt: Uint8Array,
  iterations: number,
): Promise<ScramKeys> {
  const salted = await saltedPassword(mechanism, secret, salt, iterations);
  return {
    mechanism: mechanism.name,
    iterations,
    salt: Buffer.from(salt).toString('base64'),
    storedKey: hash(mechanism, hmac(mechanism, salted, 'Client Key')).toString('base64'),
    serverKey: hmac(mechanism, salted, 'Server Key').toString('base64'),
  };
}

/** Keys of every mechanism for a new secret; none when SASLprep refuses it: then it works as a password only. */
export async function allScramKeys(secret: string): Promise<readonly ScramKeys[]> {
  const prepared = saslprep(secret);
  if (prepared === null) return [];
  return Promise.all(
    SCRAM_MECHANISMS.map((mechanism) =>
      scramKeys(mechanism, prepared, randomBytes(SCRAM_SALT_BYTES), SCRAM_ITERATIONS),
    ),
  );
}

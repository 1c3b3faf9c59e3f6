import { createHash, randomBytes, scrypt, timingSafeEqual } from 'node:crypto';

/** A secret as it is kept: scrypt over SHA-512, with its parameters, so that they can be raised without ending old tokens. */
export type SecretHash = {
  readonly algorithm: 'scrypt-sha512';
  /** CPU and memory cost; memory is 128 * N * r bytes. */
  readonly N: number;
  readonly r: number;
  readonly p: number;
  /** Base64. */
  readonly salt: string;
  /** Base64. */
  readonly hash: string;
};

const PARAMETERS = { N: 16_384, r: 8, p: 1 } as const;
const SALT_BYTES = 16;
const HASH_BYTES = 32;

/** Hashes a secret with a salt of its own: about 50 ms of one libuv thread, 16 MiB while it runs. */
export async function hashSecret(secret: string): Promise<SecretHash> {
  const salt = randomBytes(SALT_BYTES);
  const hash = await derive(Buffer.from(secret), salt, PARAMETERS, HASH_BYTES);
  return { algorithm: 'scrypt-sha512', ...PARAMETERS, salt: salt.toString('base64'), hash: hash.toString('base64') };
}

/** Whether this is the secret; compares in constant time. */
export async function verifySecret(secret: Uint8Array, kept: SecretHash): Promise<boolean> {
  const expected = Buffer.from(kept.hash, 'base64');
  const actual = await derive(secret, Buffer.from(kept.salt, 'base64'), kept, expected.length);
  return timingSafeEqual(actual, expected);
}

/** A hash that no secret has: an unknown key is checked against it, so that it costs what a wrong secret costs. */
export function decoyHash(): SecretHash {
  return {
    algorithm: 'scrypt-sha512',
    ...PARAMETERS,
    salt: randomBytes(SALT_BYTES).toString('base64'),
    hash: randomBytes(HASH_BYTES).toString('base64'),
  };
}

function derive(
  secret: Uint8Array,
  salt: Uint8Array,
  cost: { readonly N: number; readonly r: number; readonly p: number },
  bytes: number,
): Promise<Buffer> {
  const { N, r, p } = cost;
  // scrypt's HMAC pads a short secret with zero bytes: without this `secret` and `secret\0` would be the same.
  const digest = createHash('sha512').update(secret).digest();
  return new Promise((resolve, reject) => {
    scrypt(digest, salt, bytes, { N, r, p, maxmem: 256 * N * r }, (error, key) => {
      if (error) reject(error);
      else resolve(key);
    });
  });
}

import { createHmac, randomBytes } from 'node:crypto';

/** Remembers which (key, secret) pairs were found right, so that a known device costs microseconds. */
export type VerifiedCache<Value> = {
  /** The pair as the cache names it: a keyed digest, so that neither memory nor a dump holds secrets. */
  readonly digest: (key: string, secret: Uint8Array) => string;
  readonly get: (digest: string) => Value | undefined;
  readonly put: (digest: string, value: Value) => void;
  readonly drop: (digest: string) => void;
  readonly size: () => number;
};

/** Bounded: the entry that was not asked for the longest goes first. The digest's key is random per process. */
export function createVerifiedCache<Value>(maxEntries: number): VerifiedCache<Value> {
  const processKey = randomBytes(32);
  const entries = new Map<string, Value>();

  return {
    // The length before the key keeps ("ab", "c") and ("a", "bc") apart.
    digest: (key, secret) =>
      createHmac('sha256', processKey).update(`${key.length}:${key}:`).update(secret).digest('base64'),
    get: (digest) => {
      const value = entries.get(digest);
      if (value === undefined) return undefined;
      entries.delete(digest);
      entries.set(digest, value);
      return value;
    },
    put: (digest, value) => {
      entries.delete(digest);
      entries.set(digest, value);
      if (entries.size <= maxEntries) return;
      const oldest = entries.keys().next();
      if (!oldest.done) entries.delete(oldest.value);
    },
    drop: (digest) => {
      entries.delete(digest);
    },
    size: () => entries.size,
  };
}

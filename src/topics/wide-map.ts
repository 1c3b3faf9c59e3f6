/** A power of two: V8 makes a Map twice as large when it has so many. */
const NEAR = 16_384;
const PARTS = 64;

/**
 * A Map for a million keys of which no single `set` takes long. V8 makes a full Map twice as large at once, with all that it
 * holds: at 500,000 keys that is 40 to 70 ms. Here the first 16,384 are in one Map, and later ones in 64 more:
 *
 *   near: Map of the first      far: [ Map | Map | Map | ... ]  by the key's hash, from 1 ms on where there are a million
 *
 * Values are never undefined. Order is that of no key. It may be changed while it is gone through, as a Map may.
 */
export class WideMap<V> {
  readonly #near: Map<string, V>;
  #far: readonly Map<string, V>[] | null = null;
  /** Who does not know it cannot choose keys that are all in one part. */
  readonly #seed = (Math.random() * 0x7fffffff) | 0;
  #size: number;

  /** The map that is given is its own from then on. */
  constructor(near = new Map<string, V>()) {
    this.#near = near;
    this.#size = near.size;
  }

  get size(): number {
    return this.#size;
  }

  get(key: string): V | undefined {
    const found = this.#near.get(key);
    return found !== undefined || this.#far === null ? found : this.#partOf(key, this.#far).get(key);
  }

  set(key: string, value: V): void {
    const map = this.#mapFor(key);
    const before = map.size;
    map.set(key, value);
    this.#size += map.size - before;
  }

  delete(key: string): boolean {
    const isDeleted = this.#near.delete(key) || (this.#far !== null && this.#partOf(key, this.#far).delete(key));
    if (isDeleted) this.#size -= 1;
    if (this.#size === 0) this.#far = null;
    return isDeleted;
  }

  *values(): Generator<V> {
    yield* this.#near.values();
    for (const part of this.#far ?? []) yield* part.values();
  }

  #mapFor(key: string): Map<string, V> {
    if (this.#far === null) {
      if (this.#near.size < NEAR || this.#near.has(key)) return this.#near;
      this.#far = Array.from({ length: PARTS }, () => new Map<string, V>());
    }
    return this.#near.has(key) ? this.#near : this.#partOf(key, this.#far);
  }

  #partOf(key: string, far: readonly Map<string, V>[]): Map<string, V> {
    let hash = this.#seed;
    for (let i = 0; i < key.length; i++) hash = Math.imul(hash ^ key.charCodeAt(i), 0x01000193);
    hash ^= hash >>> 15;
    hash = Math.imul(hash, 0x2c1b3c6d);
    return far[(hash >>> 16) & (PARTS - 1)] as Map<string, V>;
  }
}

/** A plain Map of so many is to be made a wide one. */
export function isFull(map: { readonly size: number }): boolean {
  return map.size === NEAR;
}

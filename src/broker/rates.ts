import type { Clock, Reached } from '../base/index.ts';
import type { Client } from './client.ts';
import type { BrokerLimits } from './limits.ts';
import type { World } from './world.ts';

export type RateLimits = Pick<
  BrokerLimits,
  'maxPublishPerS' | 'maxPublishBytesPerS' | 'maxNamespacePublishPerS' | 'maxNamespacePublishBytesPerS'
>;

/** What is held back; a Connection is one. */
export type Publisher = {
  readonly client: Client | null;
  /** All that was read from it. */
  readonly bytesIn: number;
  readonly hold: () => void;
  readonly unhold: () => void;
};

/** The rate of one connection's publishes. */
export type PublishRate = {
  /** Something was read of it: whoever is above the rate is not read again before that is paid for. */
  readonly spend: (publisher: Publisher) => void;
};

/**
 * Publish rates of clients and namespaces. A publisher above one is read more slowly: nothing is dropped, and nobody is
 * disconnected. What is not limited costs a look at a null a chunk.
 */
export type Rates = {
  /** Of a client that has signed in; null: none is set. */
  readonly of: (client: Client) => PublishRate | null;
  /** Publishers that are not read now. */
  readonly held: () => number;
};

export type RatesOptions = {
  readonly limits: RateLimits;
  readonly clock: Clock;
  readonly reached: Reached;
  /** Calls back once, and does not keep the program running; a test gives its own. */
  readonly later?: (work: () => void, ms: number) => void;
};

export function createRates({ limits, clock, reached, later = inBackground }: RatesOptions): Rates {
  const ofWorld = new WeakMap<World, readonly Bucket[]>();
  const own = bucketsOf(limits, ['maxPublishPerS', 'maxPublishBytesPerS']);
  const shared = bucketsOf(limits, ['maxNamespacePublishPerS', 'maxNamespacePublishBytesPerS']);
  let held = 0;

  const worldBuckets = (world: World): readonly Bucket[] => {
    const known = ofWorld.get(world);
    if (known !== undefined) return known;
    const made = shared(clock.monotonicMs());
    ofWorld.set(world, made);
    return made;
  };

  return {
    held: () => held,
    of(client) {
      const nowMs = clock.monotonicMs();
      const buckets = [...own(nowMs), ...worldBuckets(client.world)];
      if (buckets.length === 0) return null;
      let messages = client.messagesIn;
      let bytes = 0;
      let isHeld = false;
      return {
        spend(publisher) {
          const count = client.messagesIn - messages;
          const size = publisher.bytesIn - bytes;
          messages += count;
          bytes += size;
          if (count === 0) return; // its acknowledgements, pings and subscriptions are not slowed down
          const now = clock.monotonicMs();
          let waitMs = 0;
          for (const bucket of buckets) {
            const own = bucket.take(bucket.counts === 'bytes' ? size : count, now);
            if (own > 0) reached[bucket.bound] += 1;
            waitMs = Math.max(waitMs, own);
          }
          if (waitMs <= 0 || isHeld) return;
          isHeld = true;
          held += 1;
          publisher.hold();
          later(
            () => {
              isHeld = false;
              held -= 1;
              publisher.unhold();
            },
            Math.min(waitMs, LONGEST_MS),
          );
        },
      };
    },
  };
}

/** A timer takes no more. */
const LONGEST_MS = 2 ** 31 - 1;

type RateBound = keyof RateLimits;

/** What a second allows may be used at once. */
const BURST_S = 1;

/**
 * Tokens that come at a rate. What is taken beyond them is owed, and each who takes waits until what is owed then is paid: so a
 * chunk of many messages is never split, the mean rate holds, and of many who share one nobody waits for ever.
 */
class Bucket {
  readonly bound: RateBound;
  readonly counts: 'messages' | 'bytes';
  readonly #perS: number;
  #tokens: number;
  #atMs: number;

  constructor(bound: RateBound, perS: number, nowMs: number) {
    this.bound = bound;
    this.counts = bound.endsWith('BytesPerS') ? 'bytes' : 'messages';
    this.#perS = perS;
    this.#tokens = perS * BURST_S;
    this.#atMs = nowMs;
  }

  /** Milliseconds that it takes to pay for it. */
  take(amount: number, nowMs: number): number {
    const full = this.#perS * BURST_S;
    this.#tokens = Math.min(full, this.#tokens + ((nowMs - this.#atMs) * this.#perS) / 1000) - amount;
    this.#atMs = nowMs;
    return this.#tokens >= 0 ? 0 : Math.ceil((-this.#tokens * 1000) / this.#perS);
  }
}

/** Makes the buckets of those of the bounds that are set; 0: none. */
function bucketsOf(limits: RateLimits, bounds: readonly RateBound[]): (nowMs: number) => readonly Bucket[] {
  const set = bounds.filter((bound) => limits[bound] > 0);
  return (nowMs) => set.map((bound) => new Bucket(bound, limits[bound], nowMs));
}

function inBackground(work: () => void, ms: number): void {
  setTimeout(work, ms).unref();
}

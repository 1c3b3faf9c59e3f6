import { topicNameFault } from './filter.ts';
import { createSlab } from './slab.ts';

/**
 * A topic as the hot path knows it: its text and bytes once, and what was found out about it. `R` is what the broker
 * keeps for the receivers.
 */
export type TopicEntry<R> = {
  readonly name: string;
  readonly bytes: Buffer;
  readonly hash: number;
  /** The trie's generation under which `receivers` was made; 0: never. */
  generation: number;
  receivers: R | null;
  /** A place for the live index to keep its own record of the topic. */
  live: unknown;
};

/** The topic's bytes are no valid topic name; the text says why. */
export class TopicNameError extends Error {}

/**
 * Topic bytes -> entry, without making a string. Open addressing over a power of two; bounded by two halves: when the
 * young half is full it becomes the old one, and what is not asked for again is forgotten with the next turn-over. Names may
 * be 64 KiB long: it is full too when they are longer than `MEAN_TOPIC_BYTES` on average. In a table that has some thousands
 * a topic is remembered from its second message on: a flood of ever new ones pushes nothing out, and its entries are gone
 * at once.
 */
export class TopicTable<R> {
  readonly #capacity: number;
  readonly #seed: number;
  readonly #roomFor = createSlab();
  #young: Half<R>;
  #old: Half<R>;
  /** The hash of the last topic that came for each place, once the table has some thousands; 0: none. */
  #came: Int32Array | null = null;

  /** `maxEntries` bounds the topics that are remembered; 2 to 2^20. */
  constructor(maxEntries = 131_072, seed = (Math.random() * 0x7fffffff) | 0) {
    this.#capacity = Math.max(1, maxEntries >> 1);
    this.#seed = seed;
    this.#young = newHalf(16);
    this.#old = newHalf(16);
  }

  /** Topics remembered now. */
  get size(): number {
    return this.#young.count + this.#old.count;
  }

  /** The entry of the topic at bytes[start..end). Throws TopicNameError on a name that may not be published to. */
  lookup(bytes: Buffer, start: number, end: number): TopicEntry<R> {
    const hash = hashOf(bytes, start, end, this.#seed);
    const young = find(this.#young, hash, bytes, start, end);
    if (young) return young;
    const known = find(this.#old, hash, bytes, start, end);
    const entry = known ?? makeEntry<R>(bytes, start, end, hash, this.#roomFor);
    if (known || this.size < ALL_REMEMBERED || this.#cameBefore(hash)) this.#remember(entry);
    return entry;
  }

  /** The same by text, for publishers inside the process. */
  lookupName(name: string): TopicEntry<R> {
    const bytes = Buffer.from(name);
    return this.lookup(bytes, 0, bytes.length);
  }

  /** Forgets all topics; they are worked out anew as they come. */
  forget(): void {
    this.#young = newHalf(16);
    this.#old = newHalf(16);
    this.#came = null;
  }

  #cameBefore(hash: number): boolean {
    this.#came ??= new Int32Array(CAME_PLACES);
    const place = hash & (CAME_PLACES - 1);
    if (this.#came[place] === hash) return true;
    this.#came[place] = hash;
    return false;
  }

  #remember(entry: TopicEntry<R>): void {
    if (this.#young.count >= this.#capacity || this.#young.bytes >= this.#capacity * MEAN_TOPIC_BYTES) {
      this.#old = this.#young;
      this.#young = newHalf(16);
    }
    insert(this.#young, entry);
  }
}

/** Whether the entry is of the topic at bytes[start..end). */
export function isTopic(entry: TopicEntry<unknown>, bytes: Buffer, start: number, end: number): boolean {
  const own = entry.bytes;
  const length = end - start;
  if (own.length !== length) return false;
  // Topics differ at the end more often than at the start.
  for (let i = length - 1; i >= 0; i--) if (own[i] !== bytes[start + i]) return false;
  return true;
}

type Half<R> = { slots: (TopicEntry<R> | undefined)[]; mask: number; count: number; bytes: number };

const MEAN_TOPIC_BYTES = 256;
const ALL_REMEMBERED = 4096;
/** A power of two. */
const CAME_PLACES = 65_536;

/** Beyond this many collisions in a row an entry is not remembered: a crafted set of topics costs speed to its sender only. */
const MAX_PROBES = 64;

function newHalf<R>(size: number): Half<R> {
  return { slots: Array.from<TopicEntry<R> | undefined>({ length: size }), mask: size - 1, count: 0, bytes: 0 };
}

function find<R>(half: Half<R>, hash: number, bytes: Buffer, start: number, end: number): TopicEntry<R> | undefined {
  const { slots, mask } = half;
  for (let probe = 0; probe < MAX_PROBES; probe++) {
    const entry = slots[(hash + probe) & mask];
    if (entry === undefined) return undefined;
    if (entry.hash === hash && isTopic(entry, bytes, start, end)) return entry;
  }
  return undefined;
}

function insert<R>(half: Half<R>, entry: TopicEntry<R>): void {
  if ((half.count + 1) * 2 > half.slots.length) grow(half);
  place(half, entry);
}

function place<R>(half: Half<R>, entry: TopicEntry<R>): void {
  for (let probe = 0; probe < MAX_PROBES; probe++) {
    const slot = (entry.hash + probe) & half.mask;
    if (half.slots[slot] === undefined) {
      half.slots[slot] = entry;
      half.count += 1;
      half.bytes += entry.bytes.length;
      return;
    }
  }
}

function grow<R>(half: Half<R>): void {
  const entries = half.slots;
  const bigger = newHalf<R>(entries.length * 2);
  for (const entry of entries) if (entry) place(bigger, entry);
  half.slots = bigger.slots;
  half.mask = bigger.mask;
  half.count = bigger.count;
  half.bytes = bigger.bytes;
}

function makeEntry<R>(
  bytes: Buffer,
  start: number,
  end: number,
  hash: number,
  roomFor: (length: number) => Buffer,
): TopicEntry<R> {
  const own = roomFor(end - start);
  bytes.copy(own, 0, start, end);
  const name = decode(own);
  const fault = topicNameFault(name);
  if (fault) throw new TopicNameError(fault);
  return { name, bytes: own, hash, generation: 0, receivers: null, live: undefined };
}

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

function decode(bytes: Buffer): string {
  try {
    return utf8.decode(bytes);
  } catch {
    throw new TopicNameError('the topic name is not valid UTF-8'); // [MQTT-1.5.4-1]
  }
}

/** FNV-1a over the bytes, seeded per process, with a final mix so that the low bits are good. */
function hashOf(bytes: Buffer, start: number, end: number, seed: number): number {
  let hash = 0x811c9dc5 ^ seed;
  for (let i = start; i < end; i++) hash = Math.imul(hash ^ (bytes[i] as number), 0x01000193);
  hash ^= hash >>> 15;
  hash = Math.imul(hash, 0x2c1b3c6d);
  return (hash ^ (hash >>> 13)) & 0x3fffffff;
}

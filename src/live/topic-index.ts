import type { Reached } from '../base/index.ts';
import type { Tap } from '../broker/index.ts';
import { filterMatches, type TopicEntry } from '../topics/index.ts';
import { LastMessages } from './last-messages.ts';
import type { TopicRow, TopicRows } from './port.ts';
import { UnindexedTopics } from './unindexed.ts';

/** What is known of one topic: its last message and how many there were. */
export class Leaf {
  readonly name: string;
  /** Position in the index's list, and the number of its record; never changes, topics never leave. */
  readonly index: number;
  readonly #last: LastMessages;

  constructor(name: string, index: number, last: LastMessages) {
    this.name = name;
    this.index = index;
    this.#last = last;
  }

  get messages(): number {
    return this.#last.messages(this.index);
  }

  /** Arrival of the last message, microseconds since 1970 UTC. */
  get atUs(): number {
    return this.#last.atUs(this.index);
  }

  /** True size of the last payload. */
  get bytes(): number {
    return this.#last.bytes(this.index);
  }

  get qos(): 0 | 1 | 2 {
    return this.#last.qos(this.index);
  }

  /** The last message is the one that the broker retains. */
  get retained(): boolean {
    return this.#last.retained(this.index);
  }

  /** The first PREVIEW_BYTES of the last payload; valid until the topic's next message. */
  get preview(): Buffer {
    return this.#last.preview(this.index);
  }
}

/** Topic texts may be 64 KiB each: their sum is bounded as if they had this many bytes on average. */
const MEAN_TOPIC_BYTES = 256;
/** On a topic's entry: it is known to have found no room. */
const NO_ROOM = -1;

/**
 * The topics of one world with their last message. Fed on the hot path: a known topic costs a few stores and one short
 * copy, whether anybody watches or not. The number of a topic's record hangs on the broker's `entry.live`. The changed ones
 * form a list threaded through the records, each in it once, so it is as bounded as the index and costs nothing to leave
 * standing while nobody watches.
 */
export class TopicIndex {
  readonly leaves: Leaf[] = [];
  /** Messages seen, of indexed and other topics. */
  messages = 0;
  readonly tap: Tap;
  readonly #last = new LastMessages();
  readonly #byName = new Map<string, Leaf>();
  readonly #unindexed = new UnindexedTopics();
  readonly #maxTopics: number;
  readonly #reached: Reached;
  #roomForNames: number;

  constructor(maxTopics: number, reached: Reached) {
    this.#reached = reached;
    this.#maxTopics = maxTopics;
    this.#roomForNames = maxTopics * MEAN_TOPIC_BYTES;
    this.tap = {
      published: (topic, bytes, payloadStart, payloadEnd, qos, retain, arrivedUs) => {
        this.messages += 1;
        // The broker's table belongs to one world, so does what hangs on its entries.
        const index = topic.live === undefined ? this.#attach(topic) : (topic.live as number);
        if (index === NO_ROOM) return;
        const retained = retain && payloadEnd > payloadStart; // an empty one deletes what was retained [MQTT-3.3.1-6]
        this.#last.note(index, bytes, payloadStart, payloadEnd, qos, retained, arrivedUs);
      },
    };
  }

  /** Topics that found no room; at least so many. */
  get unindexed(): number {
    return this.#unindexed.topics;
  }

  /** Begins with the leaves that have changed until now; what changes later waits for the next batch. */
  beginBatch(): void {
    this.#last.beginBatch();
  }

  /** The next changed leaf of the batch, or null at its end. */
  takeChanged(): Leaf | null {
    const index = this.#last.takeChanged();
    return index < 0 ? null : (this.leaves[index] as Leaf);
  }

  find(name: string): Leaf | undefined {
    return this.#byName.get(name);
  }

  rows(filter: string, limit: number, mayReceive: (topic: string) => boolean): TopicRows {
    const rows: TopicRow[] = [];
    let more = 0;
    const wild = filter.includes('+') || filter.includes('#');
    const only = this.#byName.get(filter);
    for (const leaf of wild ? this.leaves : only ? [only] : []) {
      if (!filterMatches(filter, leaf.name) || !mayReceive(leaf.name)) continue;
      if (rows.length < limit) rows.push(rowOf(leaf));
      else more += 1;
    }
    return { rows, more, unindexed: this.unindexed };
  }

  /** The record of a topic that the entry does not know yet, or knows no more since the broker's table forgot it. */
  #attach(topic: TopicEntry<unknown>): number {
    let leaf = this.#byName.get(topic.name);
    if (leaf === undefined && this.leaves.length < this.#maxTopics && topic.bytes.length <= this.#roomForNames) {
      leaf = new Leaf(topic.name, this.#last.add(), this.#last);
      this.#roomForNames -= topic.bytes.length;
      this.leaves.push(leaf);
      this.#byName.set(leaf.name, leaf);
    }
    if (leaf === undefined && this.#unindexed.add(topic.hash)) this.#reached.maxLiveTopics += 1;
    const index = leaf?.index ?? NO_ROOM;
    topic.live = index;
    return index;
  }
}

function rowOf(leaf: Leaf): TopicRow {
  return {
    topic: leaf.name,
    preview: new Uint8Array(leaf.preview),
    payloadBytes: leaf.bytes,
    qos: leaf.qos,
    retained: leaf.retained,
    messages: leaf.messages,
    lastAtUs: leaf.atUs,
  };
}

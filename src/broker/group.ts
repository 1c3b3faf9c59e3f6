import type { QueueEntry, QueueId, QueueTarget, Store, StoredMessage } from '../store/index.ts';
import type { Client } from './client.ts';
import type { QueueOwner } from './queue-owner.ts';
import type { Receiver } from './receivers.ts';
import type { World } from './world.ts';

/** One client in a group. Its target is in the group's queue; null for a member of QoS 0. */
export type Member = Omit<Receiver, 'own'>;

/**
 * A shared subscription, `$share/{name}/{filter}` (MQTT 5.0, 4.8.2): the clients that divide the messages of a filter.
 *
 * QoS 1 and 2 messages are in a queue of the group's own, not in those of its members, until one of them has acknowledged:
 *
 *    number  1 ... 7   8   9 | 10  11
 *            done  A   B   A | nobody's yet     A, B: in flight to that member
 *                     cursor ^         ^ tail
 *
 * Live: nothing waits, and a message goes from memory to a member that has room. Otherwise it waits for the first member
 * that has room; who is away or behind gets none, so there is none to take away from it.
 */
export class Group implements QueueOwner {
  readonly world: World;
  /** Whole, as it was subscribed to. */
  readonly name: string;
  /** What waits for a group outlives the connections of its members. */
  readonly persistent = true;
  readonly store: Store;
  readonly queue: QueueId;
  readonly members = new Map<Client, Member>();
  /** Number of the last entry that was given to a member, and of the last one that was appended. */
  cursor = 0;
  tail = 0;
  live = true;
  pumping = false;
  /** Entries before the cursor whose member's session has ended, oldest first: they go before all others. */
  readonly returned: QueueEntry[] = [];
  queued = 0;
  queuedBytes = 0;
  full = false;
  dropped = 0;
  expired = 0;
  nextExpiryMs = Number.POSITIVE_INFINITY;
  sweptTo = 0;
  sweeping = false;
  /** The last member has left. */
  gone = false;
  /** Members of QoS 1 or 2. */
  queueing = 0;
  /** Index in `present` of the member that is asked first. */
  turn = 0;
  #present: readonly Member[] = [];
  #stale = false;

  constructor(world: World, name: string, store: Store, queue: QueueId) {
    this.world = world;
    this.name = name;
    this.store = store;
    this.queue = queue;
  }

  /** The members that are connected, in the order of their subscribing. */
  get present(): readonly Member[] {
    if (this.#stale) this.#lookAgain();
    return this.#present;
  }

  /** A member came, went, or has another connection. */
  changed(): void {
    this.#stale = true;
  }

  /** An entry before the cursor belongs to nobody any more. */
  giveBack(entry: QueueEntry): void {
    this.returned.push(entry);
    this.returned.sort((a, b) => a.number - b.number);
    this.live = false;
  }

  /** Where a QoS 1 or 2 message waits for the group; null: nobody in it takes more than QoS 0. */
  get target(): QueueTarget | null {
    if (this.queueing === 0) return null;
    return { queue: this.queue, maxQos: 2, retainAsPublished: true, subscriptionIdentifiers: [] };
  }

  #lookAgain(): void {
    const first = this.#present[this.turn]?.client;
    this.#present = [...this.members.values()].filter(({ client }) => client.connection !== null);
    this.#stale = false;
    const at = this.#present.findIndex(({ client }) => client === first);
    if (at >= 0) this.turn = at;
  }
}

/** A message's number in its group's queue, and the message. */
export type GroupEntry = { readonly number: number; readonly message: StoredMessage };

/** Whether an entry in flight to a client is from the queue of a group. What a transient client keeps is never its own. */
export function isOfGroup(client: Client, entry: QueueEntry): boolean {
  return !client.persistent || entry.target.queue !== client.queue;
}

import type { Principal } from '../access/index.ts';
import type { Session } from '../session/index.ts';
import type { QueueEntry, QueueId, Store } from '../store/index.ts';
import type { Connection } from './connection.ts';
import type { Frozen } from './durable/frozen.ts';
import type { Group } from './group.ts';
import type { Takeovers } from './takeovers.ts';
import type { Will } from './will.ts';
import type { World } from './world.ts';

/**
 * One client id of a world: its protocol session, its queue, and its connection while it has one.
 *
 * It is live or catching up. Live: a message goes on from memory, and where the session persists its queue is only the
 * guarantee. Catching up (away, or its window is full, or its connection is behind): messages stay in the queue, and
 * `pump` reads them in pages as there is room, until the queue is empty and it is live again.
 */
export class Client {
  // What each message needs comes first: see Connection.
  connection: Connection | null = null;
  readonly world: World;
  principal: Principal;
  messagesIn = 0;
  bytesIn = 0;
  messagesOut = 0;
  bytesOut = 0;
  dropped = 0;
  readonly session: Session<QueueEntry>;

  /** Outlives its connection: every QoS 1 and 2 message goes through its queue in the durable store. */
  readonly persistent: boolean;
  readonly store: Store;
  readonly queue: QueueId;
  /** Number of the last entry that was sent, and of the last one that was appended. */
  cursor = 0;
  tail = 0;
  live = true;
  /** Somebody gives it what waits in its queue; nobody else does meanwhile. */
  pumping = false;
  /** So many messages that went to many wait for their turn to go to it (see `fan-out.ts`). */
  promised = 0;
  /** Entries that wait or are in flight. */
  queued = 0;
  queuedBytes = 0;
  /** Monotonic time before which nothing in its queue expires; and the last entry that a sweep over it has looked at. */
  nextExpiryMs = Number.POSITIVE_INFINITY;
  sweptTo = 0;
  sweeping = false;
  /** The queue is at its bound: it takes nothing more until it has room. */
  full = false;
  /** Identifiers in flight that its connection has not been sent again yet, oldest first. */
  again = NO_IDS;
  /** How many of them are not durable yet, of all its connections. */
  held = 0;
  /** Identifiers in flight whose connection ended before they were sent at all. */
  unsent = NO_IDS;
  /** What was in flight when an earlier process ended; null: nothing, or it is in the session again. */
  frozen: Frozen | null = null;
  /** The session that it took the place of may come back after a crash: no CONNACK until it is gone for good. */
  replaces = false;
  /** Cursors over the retained messages of filters that it subscribed to, one a filter, in the order of the subscriptions. */
  retainedToSend = NO_CURSORS;
  /** Its subscriptions to computed topics, with their identifiers: made anew with each connection of the session. */
  computed: Map<string, number | null> | null = null;
  /** What the filters of all its subscriptions cost. */
  filterBytes = 0;
  /** The groups that it is a member of; null: it never was in one. */
  groups: Set<Group> | null = null;
  /** It goes on with the next turn. */
  goesOn = false;

  /** Most that may be in flight to it now. */
  window = 0;
  will: Will | null = null;
  keepAliveS = 0;
  /** Seconds that it outlives its connection; null: for ever. */
  expiryS: number | null = 0;
  /** Monotonic time at which it ends while it is away, or null. */
  endsAtMs: number | null = null;
  /** Monotonic time at which its delayed will is sent, or null. */
  willAtMs: number | null = null;
  /** Nobody may go on with it: the right of who it was made for has ended. */
  over = false;
  connectedAtUs = 0;
  disconnectedAtUs: number | null = null;
  /** What its connections took from each other; null as long as none did. */
  takeovers: Takeovers | null = null;
  expired = 0;
  /** The search for receivers that met it last, and where it stands in what that one found (see `receivers.ts`). */
  foundIn = 0;
  foundAt = 0;

  constructor(
    world: World,
    session: Session<QueueEntry>,
    principal: Principal,
    home: { readonly store: Store; readonly queue: QueueId; readonly persistent: boolean },
  ) {
    this.world = world;
    this.session = session;
    this.principal = principal;
    this.store = home.store;
    this.queue = home.queue;
    this.persistent = home.persistent;
  }

  /** What was in flight when its last connection ended is to be sent again, in this order. */
  sendAgain(ids: readonly number[]): void {
    this.again = ids.length === 0 ? NO_IDS : new Set(ids);
  }

  /** A message was not sent under its identifier, although it waited for that. */
  notSent(id: number): void {
    if (this.unsent === NO_IDS) this.unsent = new Set();
    this.unsent.add(id);
  }

  /** The retained messages of a filter are to be sent, after those of others. */
  sendRetained(cursor: RetainedCursor): void {
    if (this.retainedToSend === NO_CURSORS) this.retainedToSend = new Map();
    this.retainedToSend.delete(cursor.filter);
    this.retainedToSend.set(cursor.filter, cursor);
  }

  /** For log lines. */
  get name(): string {
    return this.session.clientId;
  }

  /** The session is over. */
  get gone(): boolean {
    return this.world.clients.get(this.session.clientId) !== this;
  }

  /** Whether something waits until there is room for it. */
  get waits(): boolean {
    return !this.live || this.again.size > 0 || this.retainedToSend.size > 0;
  }

  /** Whether a QoS 1 or 2 message may be sent to it right now. */
  get ready(): boolean {
    const connection = this.connection;
    return (
      this.live &&
      this.again.size === 0 &&
      connection !== null &&
      this.session.inflight.count < this.window && // [MQTT-3.3.4-9] [MQTT-4.9.0-2]
      !connection.congested &&
      !this.session.inflight.exhausted
    );
  }
}

// Most clients have neither, most of the time. One of each for all of them: looked at for each message, they cost no memory
// of their own. Never written to.
const NO_IDS = new Set<number>();
const NO_CURSORS = new Map<string, RetainedCursor>();

/** Retained messages of one new subscription, sent at the receiver's pace. */
export type RetainedCursor = {
  readonly filter: string;
  /** Null: a place to pause. */
  readonly names: Iterator<string | null>;
  /** When it was subscribed, wall clock, microseconds, and on which connection: what arrived later came there as it was published. */
  readonly sinceUs: number;
  readonly on: Connection;
  readonly maxQos: 0 | 1 | 2;
  readonly subscriptionIdentifiers: readonly number[];
};

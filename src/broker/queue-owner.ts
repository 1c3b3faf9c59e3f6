import type { QueueId, Store } from '../store/index.ts';
import type { World } from './world.ts';

/** Who has a queue in the store that is bounded and whose messages expire: a client, or a group. */
export type QueueOwner = {
  readonly world: World;
  /** For log lines. */
  readonly name: string;
  readonly store: Store;
  readonly queue: QueueId;
  /** Its queue outlives connections: it is in the durable store. */
  readonly persistent: boolean;
  /** It has ended, and its queue with it. */
  readonly gone: boolean;
  /** Nothing waits in the queue; what is in it is in flight. */
  readonly live: boolean;
  readonly pumping: boolean;
  /** Number of the last entry whose delivery has begun. */
  cursor: number;
  /** Entries that wait or are in flight. */
  queued: number;
  queuedBytes: number;
  /** The queue is at its bound: it takes nothing more until it has room. It is in its world's `full` then. */
  full: boolean;
  /** Messages that it did not get. */
  dropped: number;
  /** Messages that waited beyond their expiry. */
  expired: number;
  /** Monotonic time before which nothing in the queue expires. */
  nextExpiryMs: number;
  /** How far the pass has come that takes expired messages off the queue; 0: none is under way. */
  sweptTo: number;
  sweeping: boolean;
};

/**
 * The broker's durable state: a log for what flows, a table for what stays. Batch in, one promise out.
 *
 * Writes join an open batch and are numbered at once; `commit` closes the batch. Several commits may be in flight; they
 * become durable in the order of their closing. Nothing on the hot path reads synchronously.
 */

/** A message as a queue keeps it. Owns its bytes: nothing in it points into a socket's buffer. */
export type StoredMessage = {
  readonly world: number;
  readonly topic: string;
  readonly payload: Uint8Array;
  readonly qos: 0 | 1 | 2;
  readonly retain: boolean;
  /** Encoded PUBLISH properties that are passed on (MQTT 5.0, 3.3.2.3), or null. */
  readonly properties: Uint8Array | null;
  /** Arrival, wall clock, microseconds since 1970 UTC. */
  readonly arrivedUs: number;
  /**
   * Monotonic milliseconds of this process at which it is not worth sending any more (Message Expiry Interval, MQTT 5.0,
   * 3.3.2.3.3); null: never. What outlives the process is worked out anew from `arrivedUs` and the properties.
   */
  readonly expiresAtMs: number | null;
};

/** Names one queue in the store: a session's, or the recorder's. */
export type QueueId = number;

/** A place in the log. Numbers of another incarnation mean nothing here and never cause a skip. */
export type Position = { readonly incarnation: string; readonly number: number };

/** A store that this one goes on from: messages up to `upTo` have their numbers from it, and are the same there and here. */
export type Origin = { readonly incarnation: string; readonly upTo: number };

/** One of the queues that a message is for, with what that queue's owner is to get. Kept with the entry. */
export type QueueTarget = {
  readonly queue: QueueId;
  /** The most that this owner may get; the message's own QoS may be lower. */
  readonly maxQos: 1 | 2;
  /** Retain As Published: the RETAIN flag goes on as it came (MQTT 5.0, 3.8.3.1). */
  readonly retainAsPublished: boolean;
  readonly subscriptionIdentifiers: readonly number[];
};

export type QueueEntry = {
  readonly number: number;
  readonly message: StoredMessage;
  readonly target: QueueTarget;
};

/**
 * An entry is on its way to a client: sent, or about to be, and not yet acknowledged. `holder` is the queue of that client's
 * session; for the entry of a shared subscription it is not the queue that the entry is in.
 */
export type InFlight = {
  readonly number: number;
  readonly holder: QueueId;
  readonly packetId: number;
  readonly qos: 1 | 2;
};

/** `exchange`: packet identifiers of QoS 2 whose message is not in a queue (any more). */
export type TableName = 'session' | 'subscription' | 'retained' | 'exchange';

export type Store = {
  /** Differs after each creation or restore of the store. */
  readonly incarnation: string;
  /** Of a restored store: whose copy it is, and whose copy that went on from. The oldest first; `upTo` grows. */
  readonly origins: readonly Origin[];
  readonly engine: 'memory' | 'disk';

  /** Opens a queue, empty or as it was left. A queue that is open already is the same queue. */
  readonly openQueue: (name: string) => QueueId;
  /** Ends a queue and all that it holds (joins the open batch). */
  readonly dropQueue: (queue: QueueId) => void;
  /** Appends one message for some queues; kept once. Returns its number, greater than all before. */
  readonly append: (message: StoredMessage, targets: readonly QueueTarget[]) => number;
  /** Takes one entry off a queue. An unknown number is ignored. */
  readonly ack: (queue: QueueId, number: number) => void;
  /** Takes all entries up to and with `number` off a queue. */
  readonly ackThrough: (queue: QueueId, number: number) => void;
  /** The greatest number that `ackThrough` was given, also in lives before this one; 0: nobody knows. */
  readonly ackedThrough: (queue: QueueId) => number;
  /** Notes that an entry is in flight, until it is taken off (joins the open batch). An unknown number is ignored. */
  readonly sent: (queue: QueueId, entry: InFlight) => void;
  /** The entries of a queue that are in flight, oldest first. */
  readonly inFlight: (queue: QueueId) => readonly InFlight[];
  /**
   * Entries after `after` that are not acknowledged, in order, at most `limit` and `maxBytes` of `storedBytes` (but one at
   * least). Sees all that was appended, committed or not.
   */
  readonly read: (queue: QueueId, after: number, limit: number, maxBytes: number) => Promise<readonly QueueEntry[]>;
  /** The first entry after `after` that is not acknowledged, with its `storedBytes`; null: there is none. */
  readonly first: (queue: QueueId, after: number) => { readonly number: number; readonly bytes: number } | null;
  /** Entries and their `storedBytes` that a queue holds now. */
  readonly depth: (queue: QueueId) => { readonly entries: number; readonly bytes: number };

  /** Joins the open batch. */
  readonly put: (table: TableName, key: string, value: Uint8Array) => void;
  /** Joins the open batch. */
  readonly remove: (table: TableName, key: string) => void;
  readonly entries: (table: TableName) => AsyncIterable<readonly [key: string, value: Uint8Array]>;

  /**
   * Closes the open batch. The promise resolves when all of it is as durable as the engine promises, and rejects when
   * the write failed. `null`: there is nothing to wait for (an empty batch, or an engine that promises nothing).
   */
  readonly commit: () => Promise<void> | null;
  /** Bytes that are in memory only, and not yet on disk. */
  readonly unsyncedBytes: () => number;
  /** `listener` is called each time that some of them are on disk. */
  readonly onSynced: (listener: () => void) => void;
  /** What the log takes on disk. */
  readonly logBytes: () => number;
  readonly close: () => Promise<void>;
};

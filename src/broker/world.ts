import type { StoredMessage } from '../store/index.ts';
import { RetainedIndex, SubscriptionTrie, TopicTable } from '../topics/index.ts';
import type { Client } from './client.ts';
import { Groups } from './groups.ts';
import type { Tap } from './hooks.ts';
import type { QueueOwner } from './queue-owner.ts';
import type { Receivers, Subscribed } from './receivers.ts';
import type { Qos0Recorder, RecorderTarget } from './recorder-port.ts';
import { Counters } from './stats.ts';

/** A namespace: topics, sessions, subscriptions and retained messages of its own. Two worlds may use one client id. */
export class World {
  /** In durable keys and history rows. */
  readonly number: number;
  readonly name: string;
  readonly subscriptions = new SubscriptionTrie<Client, Subscribed>();
  /** Shared subscriptions. */
  readonly groups = new Groups();
  readonly topics: TopicTable<Receivers>;
  readonly retained = new RetainedIndex<StoredMessage>();
  /** What all retained messages cost, in bytes. */
  retainedBytes = 0;
  /** Those of them that expire, and where the sweep over them stands. */
  readonly retainedExpiring = new Map<string, StoredMessage>();
  retainedSweep: Iterator<StoredMessage> | null = null;
  /** Messages that found no room among the retained ones. */
  notRetained = 0;
  readonly clients = new Map<string, Client>();
  readonly counters = new Counters();
  /** Entries that wait or are in flight, of all clients and groups, and their `storedBytes`. */
  queued = 0;
  queuedBytes = 0;
  /** Those whose queue is at its bound. */
  readonly full = new Set<QueueOwner>();
  /** Clients that are signed in now, and the most there were at a time. */
  connected = 0;
  maxConnected = 0;
  readonly taps: Tap[] = [];
  /** Where this world's messages are recorded, or null when history is off. */
  recorder: WorldRecorder | null = null;

  constructor(number: number, name: string, topicCacheEntries: number) {
    this.number = number;
    this.name = name;
    this.topics = new TopicTable(topicCacheEntries);
  }
}

export type WorldRecorder = {
  readonly qos0: Qos0Recorder;
  readonly target: RecorderTarget;
  /** Of each topic that nobody else gets. */
  readonly alone: Receivers;
};

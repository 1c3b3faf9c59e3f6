import type { QueueTarget } from '../store/index.ts';
import type { TopicEntry } from '../topics/index.ts';
import type { Client } from './client.ts';
import type { World } from './world.ts';

/** One client that gets a topic: its overlapping subscriptions merged into one delivery (MQTT 5.0, 3.3.4). */
export type Receiver = {
  readonly client: Client;
  /** The greatest of the matching subscriptions. */
  readonly qos: 0 | 1 | 2;
  /** Every matching subscription is No Local: not to be sent to its own publisher. */
  readonly noLocal: boolean;
  readonly retainAsPublished: boolean;
  readonly subscriptionIdentifiers: readonly number[];
  /** Where QoS 1 and 2 messages wait for it; null for a receiver of QoS 0, and while its queue is at its bound. */
  readonly target: QueueTarget | null;
};

/** Everything that happens to a message of one topic, worked out once per change of the subscriptions. */
export type Receivers = {
  readonly list: readonly Receiver[];
  /** The durable queues that a QoS 1 or 2 message goes to: persistent sessions and the recorder. */
  readonly durable: readonly QueueTarget[];
  readonly recorded: boolean;
  readonly anyNoLocal: boolean;
};

/** The receivers of a topic, from the cache or made anew. */
export function receiversOf(world: World, entry: TopicEntry<Receivers>): Receivers {
  const known = entry.receivers;
  if (known !== null && entry.generation === world.subscriptions.generation) return known;
  const made = findReceivers(world, entry.name);
  entry.receivers = made;
  entry.generation = world.subscriptions.generation;
  return made;
}

type Merged = {
  qos: 0 | 1 | 2;
  noLocal: boolean;
  retainAsPublished: boolean;
  readonly identifiers: number[];
};

function findReceivers(world: World, topic: string): Receivers {
  const merged = new Map<Client, Merged>();
  world.subscriptions.match(topic, (client, subscription) => {
    const rules = client.principal.rules;
    if (!rules.all && !rules.mayReceive(topic)) return;
    let found = merged.get(client);
    if (!found) {
      found = { qos: 0, noLocal: true, retainAsPublished: false, identifiers: [] };
      merged.set(client, found);
    }
    if (subscription.qos > found.qos) found.qos = subscription.qos; // [MQTT-3.3.5-1]
    found.noLocal &&= subscription.noLocal;
    found.retainAsPublished ||= subscription.retainAsPublished;
    if (subscription.identifier !== null) found.identifiers.push(subscription.identifier);
  });

  const list: Receiver[] = [];
  const durable: QueueTarget[] = [];
  for (const [client, found] of merged) {
    const target = client.full ? null : targetFor(client, found);
    list.push({
      client,
      qos: found.qos,
      noLocal: found.noLocal,
      retainAsPublished: found.retainAsPublished,
      subscriptionIdentifiers: found.identifiers.sort((a, b) => a - b),
      target,
    });
    if (target && client.persistent) durable.push(target);
  }
  // What is the server's own, and what a device marks as such, is not recorded.
  const recorded = world.recorder !== null && topic.charCodeAt(0) !== DOLLAR;
  if (recorded && world.recorder) durable.push(world.recorder.target);
  return { list, durable, recorded, anyNoLocal: list.some((receiver) => receiver.noLocal) };
}

function targetFor(client: Client, found: Merged): QueueTarget | null {
  if (found.qos === 0) return null;
  return {
    queue: client.queue,
    maxQos: found.qos,
    retainAsPublished: found.retainAsPublished,
    subscriptionIdentifiers: found.identifiers,
  };
}

const DOLLAR = 0x24;

import type { Subscription } from '../session/index.ts';
import type { QueueTarget } from '../store/index.ts';
import type { TopicEntry } from '../topics/index.ts';
import type { Client } from './client.ts';
import type { Group } from './group.ts';
import type { World } from './world.ts';

/** One client that gets a topic: its overlapping subscriptions merged into one delivery (MQTT 5.0, 3.3.4). */
export type Receiver = {
  readonly client: Client;
  /** The greatest of the matching subscriptions. */
  readonly qos: 0 | 1 | 2;
  /** What it gets of its own messages: this too, less where a No Local subscription matches, or nothing [MQTT-3.8.3-3]. */
  readonly own: Receiver | null;
  readonly retainAsPublished: boolean;
  readonly subscriptionIdentifiers: readonly number[];
  /** Where QoS 1 and 2 messages wait for it; null for a receiver of QoS 0. */
  readonly target: QueueTarget | null;
};

/** A group that gets a topic, and where its QoS 1 and 2 messages wait; null: nobody in it takes more than QoS 0. */
export type SharedReceiver = { readonly group: Group; readonly target: QueueTarget | null };

/** Everything that happens to a message of one topic, worked out once per change of the subscriptions. */
export type Receivers = {
  readonly list: readonly Receiver[];
  /** How many, and the first of them: mostly the only one, found without the list. */
  readonly count: number;
  readonly first: Receiver | null;
  /** Each gives it to one of its members; null: there is none. */
  readonly groups: readonly SharedReceiver[] | null;
  /** The durable queues that a QoS 1 or 2 message goes to: persistent sessions, groups and the recorder. */
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

function findReceivers(world: World, topic: string): Receivers {
  // Mostly a client has one that matches, and there may be ten thousand clients.
  const matching = new Map<Client, Subscription | Subscription[]>();
  world.subscriptions.match(topic, (client, subscription) => {
    const rules = client.principal.rules;
    if (!rules.all && !rules.mayReceive(topic)) return;
    const known = matching.get(client);
    if (known === undefined) matching.set(client, subscription);
    else if (Array.isArray(known)) known.push(subscription);
    else matching.set(client, [known, subscription]);
  });

  const list: Receiver[] = [];
  const durable: QueueTarget[] = [];
  for (const [client, found] of matching) {
    const receiver = Array.isArray(found) ? receiverFor(client, found) : receiverOfOne(client, found);
    list.push(receiver);
    if (receiver.target && client.persistent) durable.push(receiver.target);
  }
  const groups = groupsOf(world, topic);
  if (groups) for (const { target } of groups) if (target) durable.push(target);
  // What is the server's own, and what a device marks as such, is not recorded.
  const recorded = world.recorder !== null && topic.charCodeAt(0) !== DOLLAR;
  if (recorded && world.recorder) durable.push(world.recorder.target);
  const anyNoLocal = list.some((receiver) => receiver.own !== receiver);
  return { list, count: list.length, first: list[0] ?? null, groups, durable, recorded, anyNoLocal };
}

function groupsOf(world: World, topic: string): SharedReceiver[] | null {
  if (world.groups.byName.size === 0) return null;
  const found: SharedReceiver[] = [];
  world.groups.trie.match(topic, (group) => found.push({ group, target: group.target }));
  return found.length === 0 ? null : found;
}

function receiverOfOne(client: Client, subscription: Subscription): Receiver {
  const { qos, noLocal, retainAsPublished, identifier } = subscription;
  const subscriptionIdentifiers = identifier === null ? NO_IDENTIFIERS : [identifier];
  const target =
    qos > 0 ? { queue: client.queue, maxQos: qos as 1 | 2, retainAsPublished, subscriptionIdentifiers } : null;
  const receiver: { -readonly [Key in keyof Receiver]: Receiver[Key] } = {
    client,
    qos,
    own: null, // [MQTT-3.8.3-3]
    retainAsPublished,
    subscriptionIdentifiers,
    target,
  };
  if (!noLocal) receiver.own = receiver;
  return receiver;
}

function receiverFor(client: Client, subscriptions: readonly Subscription[]): Receiver {
  let qos: 0 | 1 | 2 = 0;
  let retainAsPublished = false;
  let anyNoLocal = false;
  const identifiers: number[] = [];
  for (const subscription of subscriptions) {
    if (subscription.qos > qos) qos = subscription.qos; // [MQTT-3.3.5-1]
    retainAsPublished ||= subscription.retainAsPublished;
    anyNoLocal ||= subscription.noLocal;
    if (subscription.identifier !== null) identifiers.push(subscription.identifier);
  }
  const subscriptionIdentifiers = identifiers.sort((a, b) => a - b);
  const receiver: { -readonly [Key in keyof Receiver]: Receiver[Key] } = {
    client,
    qos,
    own: null,
    retainAsPublished,
    subscriptionIdentifiers,
    target: qos > 0 ? { queue: client.queue, maxQos: qos as 1 | 2, retainAsPublished, subscriptionIdentifiers } : null,
  };
  receiver.own = anyNoLocal ? ownReceiver(client, subscriptions) : receiver;
  return receiver;
}

function ownReceiver(client: Client, subscriptions: readonly Subscription[]): Receiver | null {
  const local = subscriptions.filter(({ noLocal }) => !noLocal);
  return local.length === 0 ? null : receiverFor(client, local);
}

const NO_IDENTIFIERS: readonly number[] = [];
const DOLLAR = 0x24;

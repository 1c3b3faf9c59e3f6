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

/** A subscription, and its client as a receiver by it alone, once a message has asked for that. */
export type Subscribed = Subscription & { receiver: Receiver | null };

export function newSubscribed({ qos, noLocal, retainAsPublished, identifier }: Subscription): Subscribed {
  return { qos, noLocal, retainAsPublished, identifier, receiver: null };
}

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
  const { subscriptions } = world;
  const { generation } = subscriptions;
  if (known !== null && entry.generation === generation) return known;
  // Mostly it is others that come and go. To look at a change costs less than to take one receiver into the list.
  const stands = known !== null && subscriptions.stands(entry.name, entry.generation, known.count);
  const now = stands ? known : findReceivers(world, entry.name);
  entry.receivers = now;
  entry.generation = generation;
  return now;
}

/**
 * Makes the receivers of new subscriptions that match a topic, as long as there is time. Answers whether all are made: then to
 * find them takes a fifth of a microsecond each.
 */
export function makeReceivers(world: World, topic: string, isLate: () => boolean): boolean {
  let made = 0;
  let isOver = false;
  let areAll = true;
  world.subscriptions.match(topic, (client, subscribed) => {
    if (subscribed.receiver !== null) return;
    if (isOver) areAll = false;
    else {
      subscribed.receiver = receiverOf(client, subscribed);
      made += 1;
      isOver = made % MADE_A_LOOK === 0 && isLate();
    }
  });
  return areAll;
}

const MADE_A_LOOK = 256;

/** What a client may receive is another: the receivers of its topics are worked out again. */
export function rightsChanged({ world, session }: Client): void {
  for (const filter of session.subscriptions.keys()) world.subscriptions.changed(filter);
}

/** Of a topic that nobody has subscribed to, and there may be a million of them: recorded or not. */
export function noReceivers(recorder: QueueTarget | null): Receivers {
  const durable = recorder === null ? [] : [recorder];
  const recorded = recorder !== null;
  return { list: [], count: 0, first: null, groups: null, durable, recorded, anyNoLocal: false };
}

const NOBODY = noReceivers(null);

/** How many searches there were: a client that carries the number of this one is in its list already. */
let searches = 0;

/**
 * In one turn, since a message's queues are decided at once: of twenty thousand receivers each is taken as it was made before,
 * and only who has several subscriptions that match is worked out anew.
 */
function findReceivers(world: World, topic: string): Receivers {
  searches += 1;
  const list: Receiver[] = [];
  let overlapping = null as Map<Client, Receiver[]> | null;
  world.subscriptions.match(topic, (client, subscribed) => {
    const { rules } = client.principal;
    if (!rules.all && !rules.mayReceive(topic)) return;
    subscribed.receiver ??= receiverOf(client, subscribed);
    if (client.foundIn !== searches) {
      client.foundIn = searches;
      client.foundAt = list.length;
      list.push(subscribed.receiver);
      return;
    }
    overlapping ??= new Map();
    const known = overlapping.get(client);
    if (known === undefined) overlapping.set(client, [list[client.foundAt] as Receiver, subscribed.receiver]);
    else known.push(subscribed.receiver);
  });
  const groups = groupsOf(world, topic);
  // What is the server's own, and what a device marks as such, is not recorded.
  const recorder = topic.charCodeAt(0) === DOLLAR ? null : world.recorder;
  if (list.length === 0 && groups === null) return recorder === null ? NOBODY : recorder.alone;
  for (const [client, receivers] of overlapping ?? []) list[client.foundAt] = merged(client, receivers);

  const durable: QueueTarget[] = [];
  let anyNoLocal = false;
  for (const receiver of list) {
    if (receiver.target !== null && receiver.client.persistent) durable.push(receiver.target);
    anyNoLocal ||= receiver.own !== receiver;
  }
  if (groups) for (const { target } of groups) if (target) durable.push(target);
  if (recorder) durable.push(recorder.target);
  return { list, count: list.length, first: list[0] ?? null, groups, durable, recorded: recorder !== null, anyNoLocal };
}

function groupsOf(world: World, topic: string): SharedReceiver[] | null {
  if (world.groups.byName.size === 0) return null;
  const found: SharedReceiver[] = [];
  world.groups.trie.match(topic, (group) => found.push({ group, target: group.target }));
  return found.length === 0 ? null : found;
}

function receiverOf(client: Client, subscription: Subscription): Receiver {
  const { qos, noLocal, retainAsPublished, identifier } = subscription;
  const subscriptionIdentifiers = identifier === null ? NO_IDENTIFIERS : [identifier];
  const receiver = newReceiver(client, qos, retainAsPublished, subscriptionIdentifiers);
  if (!noLocal) receiver.own = receiver;
  return receiver;
}

/** Of all its subscriptions that match. */
function merged(client: Client, receivers: readonly Receiver[]): Receiver {
  let qos: 0 | 1 | 2 = 0;
  let retainAsPublished = false;
  const identifiers: number[] = [];
  for (const one of receivers) {
    if (one.qos > qos) qos = one.qos; // [MQTT-3.3.5-1]
    retainAsPublished ||= one.retainAsPublished;
    identifiers.push(...one.subscriptionIdentifiers);
  }
  identifiers.sort((a, b) => a - b);
  const receiver = newReceiver(client, qos, retainAsPublished, identifiers);
  const local = receivers.filter((one) => one.own === one);
  if (local.length === receivers.length) receiver.own = receiver;
  else if (local.length > 0) receiver.own = merged(client, local);
  return receiver;
}

type Made = { -readonly [Key in keyof Receiver]: Receiver[Key] };

function newReceiver(
  client: Client,
  qos: 0 | 1 | 2,
  retainAsPublished: boolean,
  subscriptionIdentifiers: readonly number[],
): Made {
  const target =
    qos > 0 ? { queue: client.queue, maxQos: qos as 1 | 2, retainAsPublished, subscriptionIdentifiers } : null;
  return { client, qos, own: null /* [MQTT-3.8.3-3] */, retainAsPublished, subscriptionIdentifiers, target };
}

const NO_IDENTIFIERS: readonly number[] = [];
const DOLLAR = 0x24;

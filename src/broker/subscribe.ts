import type { Bound } from '../base/index.ts';
import type { Subscribe, SubscribeEntry, Unsubscribe } from '../codec/index.ts';
import { EMPTY_PROPERTIES, Reason } from '../codec/index.ts';
import { parseSubscription, type SubscriptionFilter, subscriptionFault } from '../topics/index.ts';
import type { Client } from './client.ts';
import { computedFor, viewerOf } from './computed.ts';
import type { Connection } from './connection.ts';
import type { BrokerCore } from './core.ts';
import { forgetSubscription, keepSubscription } from './durable/keep.ts';
import { countFilter, countFilterGone, hasRoomForFilter } from './filter-cost.ts';
import { detach, hasRoomForGroup, join } from './groups.ts';
import type { ComputedOutcome, ComputedTopics } from './hooks.ts';
import { sizeFault } from './names.ts';
import { refusalInWords } from './problem-information.ts';
import { newSubscribed } from './receivers.ts';
import { tellRefusal } from './refusals.ts';

/** SUBSCRIBE: one answer for each filter, then the retained messages of what was granted [MQTT-3.8.4-1, MQTT-3.8.4-5]. */
export function subscribe(core: BrokerCore, connection: Connection, client: Client, packet: Subscribe): void {
  core.meter.begin('subscribe');
  const reasons = packet.subscriptions.map((entry, index) =>
    index < core.limits.maxFiltersPerPacket
      ? subscribeOne(core, connection, client, entry, packet.properties.subscriptionIdentifiers ?? [])
      : full(core, connection, entry.filter, 'maxFiltersPerPacket', 'too many filters in one SUBSCRIBE'),
  );
  const answer = {
    type: 'suback',
    packetId: packet.packetId, // [MQTT-2.2.1-6] [MQTT-3.8.4-2]
    reasons, // in the order of the filters [MQTT-3.9.3-1]
    properties: refusalInWords(packet.subscriptions, reasons),
  } as const;
  core.turn.sendWhenDurable(connection, answer, () => core.windowOpened(client));
}

/** UNSUBSCRIBE [MQTT-3.10.4-1, MQTT-3.10.4-4]. */
export function unsubscribe(core: BrokerCore, connection: Connection, client: Client, packet: Unsubscribe): void {
  core.meter.begin('unsubscribe');
  const reasons = packet.filters.map((filter) => {
    const computed = computedFor(core, filter);
    if (computed) {
      if (client.computed?.delete(filter)) countFilterGone(client, filter);
      const known = connection.viewer !== null && computed.unsubscribe(connection.viewer, filter);
      return unsubscribed(core, filter, known);
    }
    const known = client.session.subscriptions.delete(filter);
    if (known) {
      countFilterGone(client, filter);
      forgetSubscription(core, client, filter);
    }
    detach(core, client, filter); // [MQTT-3.10.4-2]; what is in flight stays [MQTT-3.10.4-3]
    client.retainedToSend.delete(filter);
    return unsubscribed(core, filter, known);
  });
  // [MQTT-3.10.4-5] [MQTT-3.10.4-6]
  const answer = { type: 'unsuback', packetId: packet.packetId, reasons, properties: EMPTY_PROPERTIES } as const;
  core.turn.sendWhenDurable(connection, answer, () => {});
}

/** The answer to one filter of an UNSUBSCRIBE (MQTT 5.0, 3.11.3). */
function unsubscribed(core: BrokerCore, filter: string, known: boolean): number {
  if (known) return Reason.success;
  return filterFault(core, parseSubscription(filter)) ? Reason.topicFilterInvalid : Reason.noSubscriptionExisted;
}

function subscribeOne(
  core: BrokerCore,
  connection: Connection,
  client: Client,
  entry: SubscribeEntry,
  identifiers: readonly number[],
): number {
  const { filter } = entry;
  const parsed = parseSubscription(filter);
  const shared = parsed.shareName !== null;
  const fault = filterFault(core, parsed);
  if (fault) return refused(core, connection, filter, Reason.topicFilterInvalid, fault);
  const computed = computedFor(core, parsed.filter);
  if (computed) {
    if (shared) return refused(core, connection, filter, Reason.sharedSubscriptionsNotSupported, NOT_COMPUTED);
    if (!client.computed?.has(filter) && !hasRoomForFilter(core, client, filter))
      return tooLarge(core, connection, filter);
    const outcome = subscribeComputed(core, computed, connection, client, entry, identifiers);
    if (outcome === 'granted') return Reason.success;
    return outcome === 'full'
      ? refused(core, connection, filter, Reason.quotaExceeded, `too many subscriptions to ${computed.prefix}`)
      : refused(core, connection, filter, Reason.notAuthorized, 'no such computed topic for it');
  }
  const { rules } = client.principal;
  const right = rules.all ? 'yes' : rules.maySubscribe(filter);
  if (right === 'denied') {
    // Not accepted, and the server does not wish to reveal the reason (3.9.3).
    return refused(core, connection, filter, Reason.unspecifiedError, 'a rule denies the filter');
  }
  if (right === 'no' || (shared && right !== 'yes')) {
    const what = right === 'no' ? 'the filter' : 'all of the filter, as a shared subscription needs';
    return refused(core, connection, filter, Reason.notAuthorized, `its topic rules do not allow ${what}`);
  }
  const { subscriptions } = client.session;
  const isNew = !subscriptions.has(filter);
  if (isNew && core.shed === 3) return full(core, connection, filter, 'memoryWatermarkBytes', 'memory is short');
  if (isNew && subscriptions.size >= core.limits.maxSubscriptionsPerSession) {
    const why = 'the limit of subscriptions of one session is reached';
    return full(core, connection, filter, 'maxSubscriptionsPerSession', why);
  }
  if (isNew && !hasRoomForFilter(core, client, filter)) return tooLarge(core, connection, filter);
  if (shared && isNew && !hasRoomForGroup(core, client.world, filter)) {
    return full(core, connection, filter, 'maxSharedGroups', 'the limit of shared groups is reached');
  }
  const subscription = newSubscribed({
    qos: entry.qos,
    // 3.x has no words for them: a bridge says it with a bit of its protocol level, as Mosquitto's `try_private` does.
    noLocal: entry.noLocal || connection.bridge,
    retainAsPublished: entry.retainAsPublished || connection.bridge,
    identifier: identifiers[0] ?? null,
  });
  if (isNew) countFilter(client, filter);
  subscriptions.set(filter, subscription);
  keepSubscription(core, client, filter, subscription);
  if (shared) {
    join(core, client, filter, parsed.filter, subscription);
    return entry.qos; // no retained messages, to none of its members (MQTT 5.0, 4.8.2)
  }
  client.world.subscriptions.add(filter, client, subscription); // replaces an equal one [MQTT-3.8.4-3]
  if (wantsRetained(entry, isNew)) {
    // Subscribed to again while they are being sent: they are sent anew, from the beginning.
    client.sendRetained({
      filter,
      names: names(client.world.retained.search(filter)),
      sinceUs: core.clock.wallMicros(),
      on: connection,
      maxQos: entry.qos,
      subscriptionIdentifiers: identifiers,
    });
  }
  return entry.qos;
}

function wantsRetained(entry: SubscribeEntry, isNew: boolean): boolean {
  return entry.retainHandling === 0 || (entry.retainHandling === 1 && isNew); // [MQTT-3.3.1-9..11, MQTT-3.8.4-4]
}

function subscribeComputed(
  core: BrokerCore,
  computed: ComputedTopics,
  connection: Connection,
  client: Client,
  entry: SubscribeEntry,
  identifiers: readonly number[],
): ComputedOutcome {
  const isNew = client.computed?.has(entry.filter) !== true;
  const viewer = viewerOf(core, connection, client);
  const outcome = computed.subscribe(viewer, entry.filter, wantsRetained(entry, isNew));
  if (outcome !== 'granted') return outcome;
  if (isNew) countFilter(client, entry.filter);
  client.computed ??= new Map();
  client.computed.set(entry.filter, identifiers[0] ?? null);
  return 'granted';
}

function filterFault(core: BrokerCore, subscription: SubscriptionFilter): string | null {
  return subscriptionFault(subscription) ?? sizeFault(core, subscription.filter);
}

function refused(core: BrokerCore, connection: Connection, filter: string, reason: number, why: string): number {
  tellRefusal(core, connection, { filter }, `SUBSCRIBE refused: ${why}`);
  return reason;
}

function full(core: BrokerCore, connection: Connection, filter: string, bound: Bound, why: string): number {
  core.reached[bound] += 1;
  return refused(core, connection, filter, Reason.quotaExceeded, why);
}

function tooLarge(core: BrokerCore, connection: Connection, filter: string): number {
  const why = 'the filters of its session take as many bytes as they may';
  return full(core, connection, filter, 'maxSubscriptionBytesPerSession', why);
}

function* names(search: Iterable<readonly [string, unknown] | null>): Generator<string | null> {
  for (const found of search) yield found === null ? null : found[0];
}

const NOT_COMPUTED = 'topics that are made for each viewer cannot be shared; subscribe without $share/NAME/';

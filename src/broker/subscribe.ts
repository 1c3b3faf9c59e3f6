import type { Subscribe, SubscribeEntry, Unsubscribe } from '../codec/index.ts';
import { EMPTY_PROPERTIES, Reason } from '../codec/index.ts';
import { topicFilterFault } from '../topics/index.ts';
import type { Client } from './client.ts';
import type { Connection } from './connection.ts';
import type { BrokerCore } from './core.ts';
import type { ComputedTopics, Viewer } from './hooks.ts';
import { depthFault } from './names.ts';
import { refusalInWords } from './problem-information.ts';
import { advance } from './pump.ts';
import { tellRefusal } from './refusals.ts';

/** SUBSCRIBE: one answer for each filter, then the retained messages of what was granted [MQTT-3.8.4-1, MQTT-3.8.4-5]. */
export function subscribe(core: BrokerCore, connection: Connection, client: Client, packet: Subscribe): void {
  const reasons = packet.subscriptions.map((entry, index) =>
    index < core.limits.maxFiltersPerPacket
      ? subscribeOne(core, connection, client, entry, packet.properties.subscriptionIdentifiers ?? [])
      : refused(core, connection, entry.filter, Reason.quotaExceeded, 'too many filters in one SUBSCRIBE'),
  );
  connection.send({
    type: 'suback',
    packetId: packet.packetId,
    reasons,
    properties: refusalInWords(packet.subscriptions, reasons),
  });
  advance(core, client);
}

/** UNSUBSCRIBE [MQTT-3.10.4-1, MQTT-3.10.4-4]. */
export function unsubscribe(core: BrokerCore, connection: Connection, client: Client, packet: Unsubscribe): void {
  const reasons = packet.filters.map((filter) => {
    const computed = computedFor(core, filter);
    if (computed) {
      const known = connection.viewer !== null && computed.unsubscribe(connection.viewer, filter);
      return known ? Reason.success : Reason.noSubscriptionExisted;
    }
    const known = client.session.subscriptions.delete(filter);
    client.world.subscriptions.remove(filter, client);
    client.retainedToSend.delete(filter);
    return known ? Reason.success : Reason.noSubscriptionExisted;
  });
  connection.send({ type: 'unsuback', packetId: packet.packetId, reasons, properties: EMPTY_PROPERTIES });
}

function subscribeOne(
  core: BrokerCore,
  connection: Connection,
  client: Client,
  entry: SubscribeEntry,
  identifiers: readonly number[],
): number {
  const { filter } = entry;
  const fault = filterFault(core, filter);
  if (fault) return refused(core, connection, filter, Reason.topicFilterInvalid, fault);
  if (filter.startsWith('$share/')) {
    return refused(
      core,
      connection,
      filter,
      Reason.sharedSubscriptionsNotSupported,
      'shared subscriptions are not there yet',
    );
  }
  const computed = computedFor(core, filter);
  if (computed) {
    const shown = computed.subscribe(viewerOf(connection, client), filter);
    return shown
      ? Reason.success
      : refused(core, connection, filter, Reason.notAuthorized, 'no such computed topic for it');
  }
  const { rules } = client.principal;
  const right = rules.all ? 'yes' : rules.maySubscribe(filter);
  if (right === 'denied') {
    // Not accepted, and the server does not wish to reveal the reason (3.9.3).
    return refused(core, connection, filter, Reason.unspecifiedError, 'a rule denies the filter');
  }
  if (right === 'no') {
    return refused(core, connection, filter, Reason.notAuthorized, 'its topic rules do not allow the filter');
  }
  const { subscriptions } = client.session;
  const isNew = !subscriptions.has(filter);
  if (isNew && subscriptions.size >= core.limits.maxSubscriptionsPerSession) {
    return refused(
      core,
      connection,
      filter,
      Reason.quotaExceeded,
      'the limit of subscriptions of one session is reached',
    );
  }
  const subscription = {
    qos: entry.qos,
    // 3.x has no words for them: a bridge says it with a bit of its protocol level, as Mosquitto's `try_private` does.
    noLocal: entry.noLocal || connection.bridge,
    retainAsPublished: entry.retainAsPublished || connection.bridge,
    identifier: identifiers[0] ?? null,
  };
  subscriptions.set(filter, subscription);
  client.world.subscriptions.add(filter, client, subscription); // replaces an equal one [MQTT-3.8.4-3]
  if (entry.retainHandling === 0 || (entry.retainHandling === 1 && isNew)) {
    // Subscribed to again while they are being sent: they are sent anew, from the beginning.
    client.sendRetained({
      filter,
      names: names(client.world.retained.search(filter)),
      maxQos: entry.qos,
      subscriptionIdentifiers: identifiers,
    });
  }
  return entry.qos;
}

function filterFault(core: BrokerCore, filter: string): string | null {
  return topicFilterFault(filter) ?? depthFault(core, filter);
}

function refused(core: BrokerCore, connection: Connection, filter: string, reason: number, why: string): number {
  tellRefusal(core, connection, { filter }, `SUBSCRIBE refused: ${why}`);
  return reason;
}

function computedFor(core: BrokerCore, filter: string): ComputedTopics | undefined {
  return core.computed.find(({ prefix }) => filter.startsWith(prefix) || filter === prefix.slice(0, -1));
}

/** The connection as a reader of computed topics; made with its first one. */
function viewerOf(connection: Connection, client: Client): Viewer {
  connection.viewer ??= {
    world: client.world.number,
    principal: client.principal,
    send(topic, payload) {
      if (connection.state !== 'open' || connection.output.bytes > VIEWER_BEHIND_BYTES) return false;
      connection.send({
        type: 'publish',
        topic,
        payload: Buffer.from(payload.buffer, payload.byteOffset, payload.byteLength),
        qos: 0,
        retain: false,
        dup: false,
        packetId: -1,
        properties: EMPTY_PROPERTIES,
      });
      connection.counters.messagesOut += 1;
      connection.counters.otherPacketsOut -= 1; // `send` took it for one of the others
      connection.counters.payloadBytesOut += payload.length;
      return true;
    },
  };
  return connection.viewer;
}

function* names(search: Iterable<readonly [string, unknown] | null>): Generator<string | null> {
  for (const found of search) yield found === null ? null : found[0];
}

/** A viewer with this much waiting for it skips frames. */
const VIEWER_BEHIND_BYTES = 256 * 1024;

import { isUtf8 } from 'node:buffer';
import type { Properties, PublishView } from '../codec/index.ts';
import { decodeProperties, EMPTY_PROPERTIES, encodeProperties, ProtocolFault, Reason } from '../codec/index.ts';
import { isShared, isTopic, type TopicEntry, TopicNameError } from '../topics/index.ts';
import type { Client } from './client.ts';
import type { Connection } from './connection.ts';
import type { BrokerCore } from './core.ts';
import { distribute } from './distribute.ts';
import { expiryTime } from './expiry.ts';
import { holdForRecorder } from './flow.ts';
import { sizeFault } from './names.ts';
import { goOnParked, park } from './reading-later.ts';
import { makeReceivers, type Receivers, receiversOf } from './receivers.ts';
import { tellRefusal } from './refusals.ts';
import { mustWait, mustWaitForFanOut } from './store-pressure.ts';

/** How many topics of one connection have their rule's answer remembered. */
const RULE_CACHE = 1000;
/** Longer topics are looked up each time: a thousand of 64 KiB would be much for one connection. */
const RULE_CACHE_TOPIC = 256;

/**
 * One PUBLISH from a client: its topic, its right to it, and then on to the receivers. Returns the acknowledgement's reason,
 * or -1 when it waits unread.
 */
export function route(
  core: BrokerCore,
  connection: Connection,
  client: Client,
  bytes: Buffer,
  view: PublishView,
): number {
  if (core.holding && waits(core, connection, client, bytes, view)) {
    park(connection);
    return PARKED;
  }
  if (view.qos > 0 && client.world.subscriptions.size >= LONG_SEARCH && isSearchEnough(core, connection, bytes, view)) {
    core.turn.later(() => goOnParked(connection));
    park(connection);
    return PARKED;
  }
  count(connection, client, view);
  const properties = propertiesOf(bytes, view);
  const topic = topicOf(core, connection, client, bytes, view, properties);
  if (!mayPublish(core, connection, client, topic.name)) {
    connection.counters.dropped += 1;
    tellRefusal(core, connection, { topic: topic.name }, 'PUBLISH refused: not authorized');
    return Reason.notAuthorized; // 3.x cannot say so: acknowledged and dropped [MQTT-3.3.5-2]
  }

  if (!isAsItSays(core, properties, bytes, view.payloadStart, view.payloadEnd)) {
    client.world.counters.dropped += 1;
    tellRefusal(core, connection, { topic: topic.name }, 'PUBLISH refused: its payload is not UTF-8');
    return Reason.payloadFormatInvalid; // 3.3.2.3.2
  }

  const message = core.message;
  message.topic = topic;
  message.bytes = bytes;
  message.payloadStart = view.payloadStart;
  message.payloadEnd = view.payloadEnd;
  message.qos = view.qos;
  message.retain = view.retain;
  message.properties = properties === EMPTY_PROPERTIES ? null : encodeForwarded(properties); // [MQTT-3.3.2-4]
  message.arrivedUs = core.arrivedUs;
  message.expiresAtMs = expiryTime(core.arrivedMs, properties.messageExpiryInterval);
  // A QoS 0 packet of 3.x goes on to 3.x receivers byte for byte.
  message.frameStart = view.qos === 0 && !view.retain && connection.version !== 5 ? core.frameStart : -1;
  const reason = distribute(core, client, client.world, message);
  if (topic.receivers?.recorded) holdForRecorder(core, connection, client.world, view.payloadEnd - view.topicStart);
  return reason;
}

/** Whether there is no room now for what has to be kept of it. Nothing is counted: it is read again. */
function waits(core: BrokerCore, connection: Connection, client: Client, bytes: Buffer, view: PublishView): boolean {
  const topic = topicOf(core, connection, client, bytes, view, propertiesOf(bytes, view));
  const isRetained = view.retain && view.payloadEnd > view.payloadStart;
  const { world } = client;
  return (
    (mustWait(core, world, topic, view.qos, isRetained) || mustWaitForFanOut(core, world, topic, view.qos)) &&
    mayPublish(core, connection, client, topic.name)
  );
}

/**
 * To make the receivers of a topic, to find them, and to give each of so many a message, are several turns' work. When one of
 * them has used this turn up the message is read again in one of the next, where they are known; where they have changed
 * again then, it goes on nevertheless.
 */
function isSearchEnough(core: BrokerCore, connection: Connection, bytes: Buffer, view: PublishView): boolean {
  const { world } = connection.client as Client;
  const wasSearched = connection.searched;
  connection.searched = false;
  if (wasSearched) return false;
  const topic = topicOf(core, connection, connection.client as Client, bytes, view, propertiesOf(bytes, view));
  const known = topic.receivers;
  if (known !== null && world.subscriptions.stands(topic.name, topic.generation, known.count)) return false;
  if (!mayPublish(core, connection, connection.client as Client, topic.name)) return false;
  if (!makeReceivers(world, topic.name, () => core.turn.isLate())) return true;
  const found = receiversOf(world, topic);
  connection.searched = found !== known && found.count >= LONG_SEARCH && core.turn.isLate();
  return connection.searched;
}

/**
 * A QoS 2 PUBLISH that was routed before came again. All that `route` does before it looks who gets the message: whoever
 * sends it again counts on its topic alias from now on (MQTT 5.0, 3.3.2.3.4), and may not break the rules either.
 */
export function repeated(
  core: BrokerCore,
  connection: Connection,
  client: Client,
  bytes: Buffer,
  view: PublishView,
): void {
  count(connection, client, view);
  topicOf(core, connection, client, bytes, view, propertiesOf(bytes, view));
}

function count(connection: Connection, client: Client, view: PublishView): void {
  connection.counters.messagesIn += 1;
  connection.counters.payloadBytesIn += view.payloadEnd - view.payloadStart;
  client.messagesIn += 1;
}

function propertiesOf(bytes: Buffer, view: PublishView): Properties {
  if (view.propsEnd === view.propsStart) return EMPTY_PROPERTIES;
  const properties = decodeProperties(bytes, view.propsStart, view.propsEnd, 'publish');
  if (properties.subscriptionIdentifiers !== undefined) {
    throw new ProtocolFault(
      Reason.protocolError,
      'PUBLISH: a client may not set subscription identifiers [MQTT-3.3.4-6]',
    );
  }
  return properties;
}

function topicOf(
  core: BrokerCore,
  connection: Connection,
  client: Client,
  bytes: Buffer,
  view: PublishView,
  properties: Properties,
): TopicEntry<Receivers> {
  const last = connection.lastTopic;
  if (properties.topicAlias === undefined) {
    if (last !== null && isTopic(last, bytes, view.topicStart, view.topicEnd)) return last;
    const entry = lookup(core, client, bytes, view);
    connection.lastTopic = entry;
    return entry;
  }
  const alias = properties.topicAlias;
  const { topicAliasMaximum } = core.limits;
  if (alias > topicAliasMaximum) {
    core.reached.topicAliasMaximum += 1;
    // [MQTT-3.2.2-17] [MQTT-3.2.2-18]; every other one is taken [MQTT-3.3.2-12]
    throw new ProtocolFault(
      Reason.topicAliasInvalid,
      `PUBLISH: topic alias ${alias} is above ${topicAliasMaximum} [MQTT-3.3.2-9]`,
    );
  }
  if (view.topicEnd > view.topicStart) {
    const entry = lookup(core, client, bytes, view);
    connection.aliases ??= [];
    connection.aliases[alias] = entry;
    return entry;
  }
  const known = connection.aliases?.[alias];
  if (!known)
    throw new ProtocolFault(
      Reason.protocolError,
      `PUBLISH: topic alias ${alias} was never set on this connection [MQTT-3.3.2-7]`,
    );
  return known;
}

function lookup(core: BrokerCore, client: Client, bytes: Buffer, view: PublishView): TopicEntry<Receivers> {
  try {
    const entry = client.world.topics.lookup(bytes, view.topicStart, view.topicEnd);
    // A fresh entry: the rest of what a name may be is looked at once.
    const fault = entry.generation === 0 ? sizeFault(core, entry.name) : null;
    if (fault) throw new TopicNameError(fault);
    return entry;
  } catch (error) {
    if (!(error instanceof TopicNameError)) throw error;
    // Neither name nor alias is a Protocol Error, and not a name that is not valid (MQTT 5.0, 3.3.2.1).
    const isEmpty = view.topicEnd === view.topicStart;
    throw new ProtocolFault(isEmpty ? Reason.protocolError : Reason.topicNameInvalid, `PUBLISH: ${error.message}`);
  }
}

function mayPublish(core: BrokerCore, connection: Connection, client: Client, topic: string): boolean {
  if (topic.charCodeAt(0) === DOLLAR && isReserved(core, topic)) return false;
  const rules = client.principal.rules;
  if (rules.all) return true;
  if (topic.length > RULE_CACHE_TOPIC) return rules.mayPublish(topic);
  connection.mayPublish ??= new Map();
  let allowed = connection.mayPublish.get(topic);
  if (allowed === undefined) {
    if (connection.mayPublish.size >= RULE_CACHE) connection.mayPublish.clear();
    allowed = rules.mayPublish(topic);
    connection.mayPublish.set(topic, allowed);
  }
  return allowed;
}

/** Whether a payload is what its format indicator says, as far as the setting wants that checked. */
export function isAsItSays(
  core: BrokerCore,
  properties: Properties,
  bytes: Buffer,
  start = 0,
  end = bytes.length,
): boolean {
  if (properties.payloadFormatIndicator !== 1 || core.mqtt5.payloadFormat === 'pass') return true;
  return isUtf8(bytes.subarray(start, end));
}

/** Topics that are the server's own to publish. */
export function isReserved(core: BrokerCore, topic: string): boolean {
  if (topic.startsWith('$SYS/') || topic === '$SYS' || isShared(topic)) return true;
  return core.computed.some(({ prefix }) => topic.startsWith(prefix) || topic === prefix.slice(0, -1));
}

/**
 * The properties that a message takes along, encoded without their length, or null for none: payload format, response topic,
 * correlation data, user properties in their order, content type [MQTT-3.3.2-4] [MQTT-3.3.2-15..18] [MQTT-3.3.2-20].
 */
export function encodeForwarded(properties: Properties): Buffer | null {
  const { topicAlias: _alias, subscriptionIdentifiers: _ids, willDelayInterval: _delay, ...rest } = properties;
  const encoded = encodeProperties(rest);
  let lengthBytes = 1;
  while (((encoded[lengthBytes - 1] as number) & 0x80) !== 0) lengthBytes += 1;
  return encoded.length === lengthBytes ? null : encoded.subarray(lengthBytes);
}

const DOLLAR = 0x24;
const PARKED = -1;
/** So many subscriptions take a millisecond or more to find. */
const LONG_SEARCH = 2000;

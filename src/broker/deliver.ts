import { InflightState } from '../session/index.ts';
import { type QueueEntry, type StoredMessage, storedBytes } from '../store/index.ts';
import type { Client } from './client.ts';
import type { Connection } from './connection.ts';
import type { BrokerCore } from './core.ts';
import { slowDown } from './flow.ts';
import type { QueueOwner } from './queue-owner.ts';
import type { Receiver } from './receivers.ts';

/**
 * A QoS 1 or 2 message for one receiver; `core.outgoing` stands on it. To a live session with room in flight it goes at
 * once. A persistent one has it in its queue already (under `number`); a transient one gets it queued only if it must wait.
 * `stored` is there whenever it may have to.
 */
export function deliverQueued(
  core: BrokerCore,
  source: Client | null,
  receiver: Receiver,
  stored: StoredMessage | null,
  number: number,
  qos: 1 | 2,
  retain: boolean,
): void {
  const { client, target } = receiver;
  if (target === null) {
    drop(client);
    return;
  }
  if (client.persistent) {
    client.tail = number;
    countQueued(core, client, stored as StoredMessage);
    if (!client.ready) {
      client.live = false;
      return;
    }
    client.cursor = number;
    sendInFlight(
      core,
      client,
      { number, message: stored as StoredMessage, target },
      qos,
      retain && target.retainAsPublished,
      target.subscriptionIdentifiers,
    );
  } else if (client.ready) {
    sendInFlight(core, client, null, qos, retain && target.retainAsPublished, target.subscriptionIdentifiers);
  } else {
    client.live = false;
    client.tail = core.transient.append(stored as StoredMessage, [target]);
    countQueued(core, client, stored as StoredMessage);
  }
  const connection = client.connection;
  if (connection?.congested) slowDown(core, source?.connection ?? null, connection);
}

/** A QoS 0 message for one receiver; `core.outgoing` stands on it. */
export function deliverAtMostOnce(
  core: BrokerCore,
  source: Client | null,
  receiver: Omit<Receiver, 'own'>,
  retain: boolean,
): void {
  const client = receiver.client;
  const connection = client.connection;
  if (connection === null) return;
  if (connection.stalled && connection.congested) {
    client.dropped += 1;
    connection.counters.dropped += 1;
    return;
  }
  // [MQTT-4.3.1-1]
  const size = core.outgoing.send(
    connection,
    0,
    retain && receiver.retainAsPublished, // [MQTT-3.3.1-12] [MQTT-3.3.1-13]
    false,
    -1,
    receiver.subscriptionIdentifiers,
  );
  if (size === 0) {
    client.dropped += 1;
    connection.counters.dropped += 1;
    return;
  }
  countSent(core, client, connection);
  core.turn.touch(connection);
  if (connection.congested) slowDown(core, source?.connection ?? null, connection);
}

/** Sends the message that `core.outgoing` stands on with a packet identifier of its own. `entry` is kept for sending again. */
export function sendInFlight(
  core: BrokerCore,
  client: Client,
  entry: QueueEntry | null,
  qos: 1 | 2,
  retain: boolean,
  subscriptionIdentifiers: readonly number[],
): void {
  const { inflight } = client.session;
  const state = qos === 1 ? InflightState.awaitsPuback : InflightState.awaitsPubrec;
  const id = inflight.begin(state, entry); // [MQTT-4.3.2-1] [MQTT-4.3.3-1]
  const connection = client.connection as Connection;
  if (entry !== null && client.persistent) {
    const { number, target } = entry;
    core.durable.sent(target.queue, { number, holder: client.queue, packetId: id, qos });
    core.turn.wrote();
    // After a crash it goes out under the same identifier, or the receiver would take it for another message.
    if (qos === 2) core.turn.appended();
    if (qos === 2 || connection.heldPublishes > 0) {
      core.turn.publishWhenDurable(connection, id);
      return;
    }
  }
  const size = core.outgoing.send(connection, qos, retain, false, id, subscriptionIdentifiers); // [MQTT-4.3.2-2] [MQTT-4.3.3-2]
  if (size === 0) {
    giveUp(core, client, id, entry); // larger than it takes [MQTT-3.1.2-25]
    return;
  }
  countSent(core, client, connection);
  core.turn.touch(connection);
}

/** A message that this client does not take, or may not have any more: done with, as if it had been delivered. */
export function giveUp(core: BrokerCore, client: Client, id: number, entry: QueueEntry | null): void {
  client.session.inflight.end(id);
  core.delivered(client, entry);
  drop(client);
}

/** The receiver has the message: its entry leaves its own queue. */
export function settle(core: BrokerCore, client: Client, entry: QueueEntry | null): void {
  if (entry === null || !client.persistent) return;
  client.store.ack(client.queue, entry.number);
  core.turn.wrote();
  countTaken(core, client, entry.message);
}

/** Entries in all queues together: some hundred MB of memory. At the bound each queue that would grow is full. */
const MAX_QUEUED_IN_ALL = 2_000_000;

/** A message went into a queue; at its bound, or that of all queues, the queue takes no more. */
export function countQueued(core: BrokerCore, owner: QueueOwner, message: StoredMessage): void {
  const { maxQueuedMessages, maxQueuedBytes } = core.limits;
  owner.queued += 1;
  owner.queuedBytes += storedBytes(message);
  core.queuedInAll += 1;
  if (message.expiresAtMs !== null) {
    owner.nextExpiryMs = Math.min(owner.nextExpiryMs, message.expiresAtMs);
    core.expiring.add(owner);
  }
  const own = owner.queued >= maxQueuedMessages || owner.queuedBytes >= maxQueuedBytes;
  if (own || core.queuedInAll >= MAX_QUEUED_IN_ALL) setFull(core, owner, true);
}

/** What a queue holds that an earlier process has left. */
export function countRestored(core: BrokerCore, owner: QueueOwner): void {
  const { entries, bytes } = owner.store.depth(owner.queue);
  owner.queued = entries;
  owner.queuedBytes = bytes;
  core.queuedInAll += entries;
  if (entries === 0) return;
  owner.nextExpiryMs = 0; // which of them expire is not known
  core.expiring.add(owner);
  const { maxQueuedMessages, maxQueuedBytes } = core.limits;
  if (entries >= maxQueuedMessages || bytes >= maxQueuedBytes) setFull(core, owner, true);
}

/** A message left a queue; with a tenth of it free it takes messages again. */
export function countTaken(core: BrokerCore, owner: QueueOwner, message: StoredMessage): void {
  const { maxQueuedMessages, maxQueuedBytes } = core.limits;
  owner.queued -= 1;
  owner.queuedBytes -= storedBytes(message);
  core.queuedInAll -= 1;
  if (!owner.full) return;
  if (owner.queued < maxQueuedMessages * 0.9 && owner.queuedBytes < maxQueuedBytes * 0.9) setFull(core, owner, false);
}

function setFull(core: BrokerCore, owner: QueueOwner, full: boolean): void {
  if (owner.full === full) return;
  owner.full = full;
  owner.world.subscriptions.generation += 1;
  if (full) {
    core.logger.warn({ client: owner.name, queued: owner.queued }, 'queue is full: new messages for it are dropped');
  }
}

/** The message that `core.outgoing` stands on was encoded for a client. Bytes are counted as the wire takes them. */
export function countSent(core: BrokerCore, client: Client, connection: Connection): void {
  client.messagesOut += 1;
  connection.counters.messagesOut += 1;
  connection.counters.payloadBytesOut += core.outgoing.payloadBytes;
}

/** A message that the client does not get; counted. */
export function drop(client: Client): void {
  client.dropped += 1;
  client.world.counters.dropped += 1;
}

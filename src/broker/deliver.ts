import { InflightState } from '../session/index.ts';
import { type QueueEntry, type StoredMessage, storedBytes } from '../store/index.ts';
import type { Client } from './client.ts';
import type { Connection } from './connection.ts';
import type { BrokerCore } from './core.ts';
import { slowDown } from './flow.ts';
import { countQueued, countTaken } from './queue-bounds.ts';
import type { Receiver } from './receivers.ts';
import type { World } from './world.ts';

/**
 * A QoS 1 or 2 message for one receiver; `core.outgoing` stands on it. To a live session with room in flight it goes at
 * once. A persistent one has it in its queue already (under `number`); a transient one gets it queued only if it must wait.
 * `stored` is there whenever it may have to. There is room for it in its queue.
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
  if (target === null) return;
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

/** A QoS 0 message for one receiver; `core.outgoing` stands on it. Returns whether it was sent. */
export function deliverAtMostOnce(
  core: BrokerCore,
  source: Client | null,
  receiver: Omit<Receiver, 'own'>,
  retain: boolean,
): boolean {
  const client = receiver.client;
  const connection = client.connection;
  if (connection === null) return false;
  if (connection.stalled && connection.congested) {
    client.dropped += 1;
    connection.counters.dropped += 1;
    return false;
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
    return false;
  }
  countSent(core, client, connection);
  core.turn.touch(connection);
  if (connection.congested) slowDown(core, source?.connection ?? null, connection);
  return true;
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
      client.held += 1;
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
  core.delivered(client, entry, false);
  drop(client);
}

/** The receiver has the message, or cannot have it: its entry leaves its own queue. */
export function settle(core: BrokerCore, client: Client, entry: QueueEntry | null, isDelivered: boolean): void {
  if (entry === null || !client.persistent) return;
  client.store.ack(client.queue, entry.number);
  core.turn.wrote();
  countTaken(core, client, storedBytes(entry.message));
  countLeft(client.world, isDelivered);
}

/** An entry left its queue: its receiver has it, or cannot or may not have it. */
export function countLeft({ counters }: World, isDelivered: boolean): void {
  if (isDelivered) counters.queueDelivered += 1;
  else counters.queueUndeliverable += 1;
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

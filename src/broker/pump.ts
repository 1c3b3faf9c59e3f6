import { InflightState } from '../session/index.ts';
import { type QueueEntry, type StoredMessage, storedBytes } from '../store/index.ts';
import type { Client, RetainedCursor } from './client.ts';
import type { Connection } from './connection.ts';
import type { BrokerCore } from './core.ts';
import { countLeft, countSent, drop, giveUp, sendInFlight } from './deliver.ts';
import { dropExpired, isExpired, secondsLeft } from './expiry.ts';
import { viewOfKept } from './message-view.ts';
import { countQueued, countTaken } from './queue-bounds.ts';
import { dropExpiredRetained } from './retain.ts';

const PAGE_ENTRIES = 256;
const PAGE_BYTES = 256 * 1024;
/** Retained messages that are sent before others get their turn. */
const RETAINED_SLICE = 200;
/** The clock is looked at each so many steps. */
const LOOKS_A_CLOCK = 16;

/** Goes on with what a client still has to get, as far as there is room: what was in flight, its queue, retained messages. */
export function advance(core: BrokerCore, client: Client): void {
  if (client.connection === null) return;
  if (client.again.size > 0) sendAgain(core, client, client.connection);
  if (client.again.size > 0 || client.pumping) return; // also while it is promised a message (see `fan-out.ts`)
  if (!client.live) void pump(core, client);
  // Once a turn: what it has sent may be gone, and leave room for more, before the turn has ended.
  else if (client.retainedToSend.size > 0 && !client.goesOn) sendRetained(core, client);
}

/** Notes what was in flight when the last connection ended, for `advance` to send again [MQTT-4.4.0-1]. */
export function beginAgain(client: Client): void {
  client.sendAgain([...client.session.inflight.inOrder()].map(([id]) => id));
}

/** In the order of the first time, marked as such, and no more at a time than this connection wants under way [MQTT-3.3.4-9]. */
function sendAgain(core: BrokerCore, client: Client, connection: Connection): void {
  const { inflight } = client.session;
  // An identifier that is not durable yet is not sent, also not a second time.
  if (client.held > 0) return;
  for (const id of client.again) {
    if (connection.congested) return;
    const state = inflight.stateOf(id);
    const isPublish = state === InflightState.awaitsPuback || state === InflightState.awaitsPubrec;
    if (isPublish && inflight.count - client.again.size >= client.window) return;
    client.again.delete(id);
    const isFirst = client.unsent.size > 0 && client.unsent.delete(id);
    // Its PUBLISH is not sent any more [MQTT-4.3.3-5] [MQTT-4.3.3-6].
    if (state === InflightState.awaitsPubcomp) connection.writeAck(PUBREL, id, 0);
    const entry = inflight.entryOf(id);
    if (!isPublish || entry === null) continue;
    if (!mayReceive(client, entry.message)) {
      giveUp(core, client, id, entry);
      continue;
    }
    if (isFirst && isExpired(core, entry.message)) {
      inflight.end(id); // nothing of it was sent [MQTT-3.3.2-5]
      core.delivered(client, entry, false);
      client.expired += 1;
      client.world.counters.messagesExpired += 1;
      continue;
    }
    standOn(core, entry.message);
    sendPublish(core, client, connection, id, entry, !isFirst); // [MQTT-3.3.1-1]
  }
}

function sendPublish(
  core: BrokerCore,
  client: Client,
  connection: Connection,
  id: number,
  entry: QueueEntry,
  dup: boolean,
): void {
  const { message, target } = entry;
  const qos = client.session.inflight.stateOf(id) === InflightState.awaitsPuback ? 1 : 2;
  const retain = message.retain && target.retainAsPublished;
  const size = core.outgoing.send(connection, qos, retain, dup, id, target.subscriptionIdentifiers);
  if (size === 0)
    giveUp(core, client, id, entry); // larger than it takes [MQTT-3.1.2-25]
  else countSent(core, client, connection);
  core.turn.touch(connection);
}

/** A message goes out for the first time, now that its identifier is durable; unless its connection is another. */
export function publishHeld(core: BrokerCore, connection: Connection, client: Client, id: number): void {
  const { inflight } = client.session;
  const entry = inflight.entryOf(id);
  client.held -= 1;
  if (client.connection !== connection) {
    client.notSent(id);
    if (client.held === 0) advance(core, client); // what its new connection waits for
    return;
  }
  if (entry === null) return;
  standOn(core, entry.message);
  sendPublish(core, client, connection, id, entry, false);
}

/** Reads the queue in pages as the window opens; live again when it is empty. */
async function pump(core: BrokerCore, client: Client): Promise<void> {
  client.pumping = true;
  try {
    for (;;) {
      const connection = client.connection;
      const room = roomOf(client);
      if (connection === null || room <= 0) return;
      const { tail } = client;
      const page = await client.store.read(client.queue, client.cursor, Math.min(room, PAGE_ENTRIES), PAGE_BYTES);
      await core.turn.inTime('queue');
      if (client.connection !== connection) break;
      if (page.length === 0) {
        // What was queued while the page was on its way is not in it: live is only who has read to the end.
        if (client.tail !== tail) continue;
        client.live = true;
        if (client.groups !== null) core.windowOpened(client);
        return;
      }
      const nowUs = core.clock.wallMicros();
      for (const entry of page) {
        // While the page was on its way the oldest may have made room for a new one.
        if (entry.number > client.cursor) sendFromQueue(core, client, entry, nowUs);
      }
    }
  } finally {
    client.pumping = false;
    // A new connection may have come, or room opened, while this one looked away.
    if (client.connection !== null && (client.again.size > 0 || roomOf(client) > 0) && client.waits) {
      goOn(core, client);
    }
  }
}

/** Asked when a message goes out: its rights may be others than when it was queued. */
function mayReceive(client: Client, message: StoredMessage): boolean {
  const { rules } = client.principal;
  return rules.all || rules.mayReceive(message.topic);
}

export function sendFromQueue(core: BrokerCore, client: Client, entry: QueueEntry, nowUs: number): void {
  const { message, target, number } = entry;
  core.timings.queued.observe(Math.max(0, nowUs - message.arrivedUs) / 1e6); // the wall clock may have been stepped back
  client.cursor = number;
  if (isExpired(core, message)) {
    dropExpired(core, client, entry); // [MQTT-3.3.2-5]
    return;
  }
  if (!mayReceive(client, message)) {
    client.store.ack(client.queue, number);
    core.turn.wrote();
    countTaken(core, client, storedBytes(message));
    countLeft(client.world, false);
    drop(client);
    return;
  }
  standOn(core, message);
  const qos = Math.min(message.qos, target.maxQos) as 1 | 2; // [MQTT-3.8.4-8]
  const retain = message.retain && target.retainAsPublished;
  sendInFlight(core, client, client.persistent ? entry : null, qos, retain, target.subscriptionIdentifiers);
  if (client.persistent) return;
  // Nobody will ask for it again once this connection is gone.
  client.store.ack(client.queue, number);
  countTaken(core, client, storedBytes(message));
  countLeft(client.world, true);
}

/** Sends retained messages of new subscriptions, a slice at a time [MQTT-3.3.1-8]. */
function sendRetained(core: BrokerCore, client: Client): void {
  let sent = 0;
  let looked = 0;
  core.meter.begin('retained search');
  for (;;) {
    looked += 1;
    const isOver = sent >= RETAINED_SLICE || (looked % LOOKS_A_CLOCK === 0 && core.turn.isLate());
    const [cursor] = client.retainedToSend.values();
    if (cursor === undefined || !client.ready) return; // goes on when the window opens or the output has drained
    const next = isOver ? PAUSE : cursor.names.next();
    if (next.done) {
      client.retainedToSend.delete(cursor.filter);
      continue;
    }
    if (next.value === null) {
      goOn(core, client);
      return;
    }
    const message = client.world.retained.get(next.value);
    if (message === undefined || !mayReceive(client, message) || cameSince(core, client, cursor, message)) continue;
    if (isExpired(core, message)) {
      dropExpiredRetained(core, client.world, message); // [MQTT-3.3.2-5]
      continue;
    }
    sendOneRetained(core, client, cursor, message);
    sent += 1;
  }
}

/**
 * It was sent when it was published; or left out, to a bridge that had published it. Not while the client was away; and of a wall
 * clock that was stepped back nothing is concluded.
 */
function cameSince(
  core: BrokerCore,
  client: Client,
  { on, sinceUs }: RetainedCursor,
  { arrivedUs }: StoredMessage,
): boolean {
  return client.connection === on && arrivedUs > sinceUs && arrivedUs <= core.clock.wallMicros();
}

/** In one of the next turns, so that others get theirs; once, whoever asks for it. */
export function goOn(core: BrokerCore, client: Client): void {
  if (client.goesOn) return;
  client.goesOn = true;
  core.turn.later(() => {
    client.goesOn = false;
    advance(core, client);
  });
}

function sendOneRetained(core: BrokerCore, client: Client, cursor: RetainedCursor, message: StoredMessage): void {
  const qos = Math.min(message.qos, cursor.maxQos);
  standOn(core, message);
  if (qos > 0) {
    const target = {
      queue: client.queue,
      maxQos: qos as 1 | 2,
      retainAsPublished: true,
      subscriptionIdentifiers: cursor.subscriptionIdentifiers,
    };
    let entry: QueueEntry | null = null;
    if (client.persistent) {
      const number = client.store.append(message, [target]);
      core.turn.appended();
      countQueued(core, client, message);
      client.tail = number;
      client.cursor = number;
      entry = { number, message, target };
    }
    sendInFlight(core, client, entry, qos as 1 | 2, true, cursor.subscriptionIdentifiers);
    return;
  }
  const connection = client.connection as Connection;
  const size = core.outgoing.send(connection, 0, true, false, -1, cursor.subscriptionIdentifiers);
  if (size === 0) {
    drop(client); // larger than it takes [MQTT-3.1.2-25]
    return;
  }
  countSent(core, client, connection);
  core.turn.touch(connection);
}

/** Makes a kept message the one that is sent. A thousand clients may get the same one after each other. */
export function standOn(core: BrokerCore, message: StoredMessage): void {
  if (!core.outgoing.standsOn(message.payload)) {
    core.outgoing.begin(viewOfKept(message), 1);
  }
  if (message.expiresAtMs !== null) core.outgoing.expireIn(secondsLeft(core, message.expiresAtMs)); // [MQTT-3.3.2-6]
}

export function roomOf(client: Client): number {
  const { inflight } = client.session;
  if (client.connection === null || client.connection.congested || client.again.size > 0) return 0;
  return Math.min(client.window - inflight.count, inflight.free);
}

const PUBREL = 6;
const PAUSE = { done: false, value: null } as const;

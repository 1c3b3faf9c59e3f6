import type { Bound } from '../base/index.ts';
import { type StoredMessage, storedBytes } from '../store/index.ts';
import type { Client } from './client.ts';
import type { BrokerCore } from './core.ts';
import { Group } from './group.ts';
import type { QueueOwner } from './queue-owner.ts';
import type { Receivers } from './receivers.ts';
import type { World } from './world.ts';

/*
 * What waits for a session or a group is bounded: by its own bounds, and by those of all queues together. What happens at a
 * bound is the owner's choice (`QueuePolicy`). It is decided once a message, before it is stored, so that what was
 * acknowledged is never taken back but by that choice. While no queue is at a bound all of it is two comparisons a message.
 */

/** The new message is refused for that queue; or the oldest one that waits in it goes. */
export type QueuePolicy = 'refuse-new' | 'drop-oldest';

/** A full queue takes messages again when so much of it is used. */
const ROOM_AGAIN = 0.9;
/** One large message may need the room of many small ones: so many go for it at the most, or it is refused. */
const MOST_AT_ONCE = 1000;

/**
 * The queues that have no room for a message, of those that it would go to; null: all have. With `drop-oldest` makes room
 * where something waits.
 */
export function queuesWithoutRoom(
  core: BrokerCore,
  receivers: Receivers,
  source: Client | null,
): ReadonlySet<QueueOwner> | null {
  let full: Set<QueueOwner> | null = null;
  for (const each of receivers.list) {
    const receiver = each.client === source ? each.own : each;
    if (receiver === null) continue; // [MQTT-3.8.3-3]
    const { client, target } = receiver;
    if (target === null || (!client.persistent && client.ready) || hasRoom(core, client)) continue;
    full ??= new Set();
    full.add(client);
  }
  for (const { group, target } of receivers.groups ?? []) {
    if (target === null || hasRoom(core, group)) continue;
    full ??= new Set();
    full.add(group);
  }
  return full;
}

/** Whether some queue that a message of this world may go to has no room. */
export function isTight(core: BrokerCore, world: World): boolean {
  return core.allFull || core.logFull || world.full.size > 0;
}

/** A message is not queued for its receiver; counted. */
export function refuse(core: BrokerCore, owner: QueueOwner): void {
  core.reached[boundOf(core, owner)] += 1;
  owner.dropped += 1;
  owner.world.counters.dropped += 1;
  owner.world.counters.queueRefused += 1;
}

/** A message went into a queue; at its bound the queue takes no more. */
export function countQueued(core: BrokerCore, owner: QueueOwner, message: StoredMessage): void {
  const bytes = storedBytes(message);
  owner.queued += 1;
  owner.queuedBytes += bytes;
  countInAll(core, owner.world, 1, bytes);
  if (message.expiresAtMs !== null) {
    owner.nextExpiryMs = Math.min(owner.nextExpiryMs, message.expiresAtMs);
    core.expiring.add(owner);
  }
  if (!owner.full && !hasOwnRoom(core, owner)) setFull(core, owner);
}

/** What a queue holds that an earlier process has left. */
export function countRestored(core: BrokerCore, owner: QueueOwner): void {
  const { entries, bytes } = owner.store.depth(owner.queue);
  owner.queued = entries;
  owner.queuedBytes = bytes;
  countInAll(core, owner.world, entries, bytes);
  if (entries === 0) return;
  owner.nextExpiryMs = 0; // which of them expire is not known
  core.expiring.add(owner);
  if (!hasOwnRoom(core, owner)) setFull(core, owner);
}

/** A message of so many `storedBytes` left a queue; with a tenth of it free it takes messages again. Why is for the caller to count. */
export function countTaken(core: BrokerCore, owner: QueueOwner, bytes: number): void {
  owner.queued -= 1;
  owner.queuedBytes -= bytes;
  countInAll(core, owner.world, -1, -bytes);
  if (!owner.full) return;
  const { maxQueuedMessages, maxQueuedBytes } = core.limits;
  if (owner.queued >= maxQueuedMessages * ROOM_AGAIN || owner.queuedBytes >= maxQueuedBytes * ROOM_AGAIN) return;
  owner.full = false;
  owner.world.full.delete(owner);
}

/** A queue is gone with all that it held. */
export function countEnded(core: BrokerCore, owner: QueueOwner): void {
  countInAll(core, owner.world, -owner.queued, -owner.queuedBytes);
  core.expiring.delete(owner);
  owner.world.full.delete(owner);
  owner.world.counters.queueEnded += owner.queued;
}

function countInAll(core: BrokerCore, world: World, messages: number, bytes: number): void {
  world.queued += messages;
  world.queuedBytes += bytes;
  core.queuedInAll += messages;
  core.queuedBytesInAll += bytes;
  const { maxQueuedMessagesInAll, maxQueuedBytesInAll } = core.limits;
  core.allFull = core.queuedInAll >= maxQueuedMessagesInAll || core.queuedBytesInAll >= maxQueuedBytesInAll;
}

function setFull(core: BrokerCore, owner: QueueOwner): void {
  owner.full = true;
  owner.world.full.add(owner);
  const { name: client, queued, queuedBytes } = owner;
  const what =
    core.queuePolicy === 'refuse-new' ? 'new messages for it are refused' : 'its oldest messages are dropped';
  core.doorLog.warn({ client, queued, queuedBytes }, `queue is full: ${what}`);
}

function hasRoom(core: BrokerCore, owner: QueueOwner): boolean {
  if (!owner.full && !core.allFull && !core.logFull) return true;
  return core.queuePolicy === 'drop-oldest' && pushOut(core, owner);
}

function hasOwnRoom(core: BrokerCore, owner: QueueOwner): boolean {
  return owner.queued < core.limits.maxQueuedMessages && owner.queuedBytes < core.limits.maxQueuedBytes;
}

/** Drops the oldest that wait until there is room; where all queues together are at a bound, one for one. */
function pushOut(core: BrokerCore, owner: QueueOwner): boolean {
  let owed = core.allFull || core.logFull;
  for (let gone = 0; gone < MOST_AT_ONCE; gone++) {
    if (!owed && hasOwnRoom(core, owner)) return true;
    const bound = boundOf(core, owner);
    if (!dropOldest(core, owner)) return false;
    core.reached[bound] += 1;
    owed = false;
  }
  return !owed && hasOwnRoom(core, owner);
}

/** Never one that is in flight. False: nothing waits. */
function dropOldest(core: BrokerCore, owner: QueueOwner): boolean {
  const returned = owner instanceof Group ? owner.returned.shift() : undefined;
  const oldest =
    returned === undefined
      ? owner.store.first(owner.queue, owner.cursor)
      : { number: returned.number, bytes: storedBytes(returned.message) };
  if (oldest === null) return false;
  owner.store.ack(owner.queue, oldest.number);
  // Else each search would begin at the same place, and who reads a page at this time would send it.
  if (oldest.number > owner.cursor) owner.cursor = oldest.number;
  if (owner.persistent) core.turn.wrote();
  countTaken(core, owner, oldest.bytes);
  owner.dropped += 1;
  owner.world.counters.dropped += 1;
  owner.world.counters.queuePushedOut += 1;
  return true;
}

/** The bound that a queue is at. */
function boundOf(core: BrokerCore, { queued, queuedBytes, full }: QueueOwner): Bound {
  const { maxQueuedMessages, maxQueuedBytes, maxQueuedMessagesInAll } = core.limits;
  if (full) {
    return queued / maxQueuedMessages >= queuedBytes / maxQueuedBytes ? 'maxQueuedMessages' : 'maxQueuedBytes';
  }
  if (!core.allFull) return 'maxLogBytes';
  return core.queuedInAll >= maxQueuedMessagesInAll ? 'maxQueuedMessagesInAll' : 'maxQueuedBytesInAll';
}

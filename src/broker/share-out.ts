import { InflightState } from '../session/index.ts';
import type { QueueEntry, StoredMessage } from '../store/index.ts';
import type { Client } from './client.ts';
import type { BrokerCore } from './core.ts';
import { deliverAtMostOnce, sendInFlight } from './deliver.ts';
import { dropExpired, isExpired } from './expiry.ts';
import { slowDown } from './flow.ts';
import { type Group, type GroupEntry, isOfGroup, type Member } from './group.ts';
import { takeOff } from './groups.ts';
import type { MessageView } from './message-view.ts';
import { standOn } from './pump.ts';
import { countQueued } from './queue-bounds.ts';
import type { SharedReceiver } from './receivers.ts';

const PAGE_ENTRIES = 256;
const PAGE_BYTES = 256 * 1024;

/**
 * One message for one member of a group; `core.outgoing` stands on it. With QoS 1 or 2 it is in the group's queue already
 * (under `number`) where the group has one, and `stored` is there. Returns whether somebody has it or will.
 */
export function deliverToGroup(
  core: BrokerCore,
  source: Client | null,
  { group, target }: SharedReceiver,
  message: MessageView,
  stored: StoredMessage | null,
  number: number,
): boolean {
  if (message.qos === 0 || target === null) return deliverOnce(core, source, group, message.retain);
  deliverKept(core, source, group, stored as StoredMessage, number);
  return true;
}

function deliverKept(
  core: BrokerCore,
  source: Client | null,
  group: Group,
  message: StoredMessage,
  number: number,
): void {
  group.tail = number;
  countQueued(core, group, message);
  const member = group.live ? choose(core, group, message.qos) : null;
  if (member === null) group.live = false;
  else {
    group.cursor = number;
    give(core, group, member, { number, message });
  }
  const behind = member ?? group.present.find(({ client }) => client.connection?.congested);
  const connection = behind?.client.connection;
  if (connection?.congested) slowDown(core, source?.connection ?? null, connection);
}

/** QoS 0: to somebody who has room; else to somebody who is worth waiting for; else to nobody. */
function deliverOnce(core: BrokerCore, source: Client | null, group: Group, retain: boolean): boolean {
  const member = choose(core, group, 0) ?? group.present.find(({ client }) => client.connection?.stalled === false);
  if (member) return deliverAtMostOnce(core, source, member, retain);
  group.world.counters.dropped += 1;
  return false;
}

/**
 * The member whose turn it is: the next one that has room (fair), or the same one while it is there and has room (sticky).
 * Null: nobody has.
 */
function choose(core: BrokerCore, group: Group, qos: number): Member | null {
  const { present } = group;
  let at = group.turn;
  for (let asked = 0; asked < present.length; asked++, at++) {
    if (at >= present.length) at = 0;
    const member = present[at] as Member;
    if (!hasRoom(member, qos)) continue;
    group.turn = core.sharing === 'sticky' ? at : at + 1;
    return member;
  }
  return null;
}

function hasRoom({ client, qos: most }: Member, qos: number): boolean {
  if (qos > 0 && most > 0) return client.ready;
  return client.connection?.congested === false;
}

/** Sends a message of the group's queue at the QoS that the member was granted [MQTT-4.8.2-3]. */
function give(core: BrokerCore, group: Group, member: Member, entry: GroupEntry): void {
  const { client, target, subscriptionIdentifiers } = member;
  const { number, message } = entry;
  if (target === null) {
    const isSent = deliverAtMostOnce(core, null, member, message.retain);
    takeOff(core, group, entry, isSent);
    return;
  }
  const qos = Math.min(target.maxQos, message.qos) as 1 | 2;
  const retain = message.retain && target.retainAsPublished;
  sendInFlight(core, client, { number, message, target }, qos, retain, subscriptionIdentifiers);
}

/** There is room at a client: the groups that wait for a member go on. */
export function wakeGroups(core: BrokerCore, client: Client): void {
  if (client.groups === null) return;
  for (const group of client.groups) if (!group.live) wakeGroup(core, group);
}

/** There may be somebody for what waits in a group. */
export function wakeGroup(core: BrokerCore, group: Group): void {
  if (!group.pumping) void pumpGroup(core, group);
}

/**
 * A session is over that was given messages of groups. One of QoS 1 that it has not acknowledged goes to another member,
 * before newer ones. One of QoS 2 must not, since the client may have it [MQTT-4.8.2-5].
 */
export function giveBack(core: BrokerCore, client: Client): void {
  if (client.groups === null) return;
  const groups = new Set<Group>();
  for (const [, state, entry] of client.session.inflight.inOrder()) {
    if (entry === null || !isOfGroup(client, entry)) continue;
    const group = client.world.groups.byQueue.get(entry.target.queue);
    if (!group) continue;
    if (state === InflightState.awaitsPuback) {
      group.giveBack(entry);
      groups.add(group);
    } else takeOff(core, group, entry, false); // [MQTT-4.8.2-5]
  }
  for (const group of groups) wakeGroup(core, group);
}

/** Gives what waits to members as they have room; the group is live again when nothing waits. */
async function pumpGroup(core: BrokerCore, group: Group): Promise<void> {
  group.pumping = true;
  try {
    for (;;) {
      const { returned } = group;
      while (returned.length > 0) {
        if (!offer(core, group, returned[0] as QueueEntry)) return;
        returned.shift();
      }
      const room = roomOf(group);
      if (room === 0) return;
      const { tail } = group;
      const page = await group.store.read(group.queue, group.cursor, room, PAGE_BYTES);
      if (group.gone) return;
      if (page.length === 0 && group.tail === tail && group.returned.length === 0) {
        group.live = true;
        return;
      }
      for (const entry of page) {
        if (group.returned.length > 0) break;
        // While the page was on its way the oldest may have made room for a new one.
        if (entry.number <= group.cursor) continue;
        if (!offer(core, group, entry)) return;
        group.cursor = entry.number;
      }
    }
  } finally {
    group.pumping = false;
  }
}

function offer(core: BrokerCore, group: Group, entry: QueueEntry): boolean {
  if (isExpired(core, entry.message)) {
    dropExpired(core, group, entry); // [MQTT-3.3.2-5]
    return true;
  }
  const member = choose(core, group, entry.message.qos);
  if (member === null) return false;
  standOn(core, entry.message);
  give(core, group, member, entry);
  return true;
}

/** How many messages the members together have room for, as far as a page goes. */
function roomOf({ present }: Group): number {
  let room = 0;
  for (const member of present) {
    if (!hasRoom(member, 1)) continue;
    const { client, qos } = member;
    room += qos === 0 ? PAGE_ENTRIES : client.window - client.session.inflight.count;
    if (room >= PAGE_ENTRIES) return PAGE_ENTRIES;
  }
  return room;
}

import type { Subscription } from '../session/index.ts';
import { type QueueEntry, type QueueId, storedBytes } from '../store/index.ts';
import { isShared, parseSubscription, SubscriptionTrie } from '../topics/index.ts';
import type { Client } from './client.ts';
import type { BrokerCore } from './core.ts';
import { countLeft } from './deliver.ts';
import { forgetSubscription } from './durable/keep.ts';
import { countFilterGone } from './filter-cost.ts';
import { Group, type GroupEntry, type Member } from './group.ts';
import { countEnded, countTaken } from './queue-bounds.ts';
import type { World } from './world.ts';

/** The shared subscriptions of one world. Each has a member at least, so the bounds of subscriptions bound them too. */
export class Groups {
  /** By their filters without `$share/{name}/`. */
  readonly trie = new SubscriptionTrie<Group, Group>();
  readonly byName = new Map<string, Group>();
  readonly byQueue = new Map<QueueId, Group>();
  /** Members of all groups. */
  members = 0;
}

/** Whether somebody may join the group of that name: it is there, or one more may be. */
export function hasRoomForGroup(core: BrokerCore, { groups }: World, name: string): boolean {
  return groups.byName.size < core.limits.maxSharedGroups || groups.byName.has(name);
}

/** Makes a client a member, or, when it is one, gives it its new options [MQTT-3.8.4-3]. `name` is `$share/{..}/{filter}`. */
export function join(core: BrokerCore, client: Client, name: string, filter: string, subscription: Subscription): void {
  const { world } = client;
  const group = world.groups.byName.get(name) ?? begin(core, client, name, filter);
  const before = group.members.get(client);
  const member = memberOf(group, client, subscription);
  group.members.set(client, member);
  group.queueing += Number(member.qos > 0) - Number((before?.qos ?? 0) > 0);
  group.changed();
  client.groups ??= new Set();
  client.groups.add(group);
  if (!before) world.groups.members += 1;
  world.subscriptions.changed(filter);
}

/** Ends a subscription, shared or not, of a client. */
export function detach(core: BrokerCore, client: Client, filter: string): void {
  if (isShared(filter)) leave(core, client, filter);
  else client.world.subscriptions.remove(filter, client);
}

/** A client has another connection, or none. */
export function presenceChanged(client: Client): void {
  if (client.groups) for (const group of client.groups) group.changed();
}

/** Ends the shared subscriptions that a client's rules do not allow any more: in a group nobody asks who may read a message. */
export function leaveForbidden(core: BrokerCore, client: Client): void {
  const { rules } = client.principal;
  if (client.groups === null || rules.all) return;
  for (const { name } of client.groups) {
    if (rules.maySubscribe(name) === 'yes') continue;
    leave(core, client, name);
    if (client.session.subscriptions.delete(name)) countFilterGone(client, name);
    forgetSubscription(core, client, name);
    const fields = { client: client.session.clientId, filter: name };
    core.logger.warn(fields, 'shared subscription ended: its topic rules do not allow all of the filter any more');
  }
}

/** A member is done with a message, or has refused it [MQTT-4.8.2-6]: it leaves the group's queue. Nothing where the group has ended meanwhile. */
export function settleGroup(core: BrokerCore, client: Client, entry: QueueEntry, isDelivered: boolean): void {
  const group = client.world.groups.byQueue.get(entry.target.queue);
  if (group) takeOff(core, group, entry, isDelivered);
}

export function takeOff(core: BrokerCore, group: Group, { number, message }: GroupEntry, isDelivered: boolean): void {
  group.store.ack(group.queue, number);
  core.turn.wrote();
  countTaken(core, group, storedBytes(message));
  countLeft(group.world, isDelivered);
}

function begin(core: BrokerCore, { world }: Client, name: string, filter: string): Group {
  // No session's queue has such a name: theirs start with a number.
  const group = new Group(world, name, core.durable, core.durable.openQueue(`shared/${world.number}/${name}`));
  world.groups.byName.set(name, group);
  world.groups.byQueue.set(group.queue, group);
  world.groups.trie.add(filter, group, group);
  return group;
}

function memberOf(group: Group, client: Client, { qos, retainAsPublished, identifier }: Subscription): Member {
  const subscriptionIdentifiers = identifier === null ? [] : [identifier];
  const options = { retainAsPublished, subscriptionIdentifiers };
  const target = qos === 0 ? null : { queue: group.queue, maxQos: qos, ...options };
  return { client, qos, ...options, target };
}

function leave(core: BrokerCore, client: Client, name: string): void {
  const { world } = client;
  const group = world.groups.byName.get(name);
  const member = group?.members.get(client);
  if (!group || !member) return;
  group.members.delete(client);
  group.queueing -= Number(member.qos > 0);
  group.changed();
  client.groups?.delete(group);
  world.groups.members -= 1;
  world.subscriptions.changed(parseSubscription(name).filter);
  if (group.members.size === 0) end(core, group);
}

/** The last member is gone: what nobody has taken is deleted with the group (MQTT 5.0, 4.8.2). */
function end(core: BrokerCore, group: Group): void {
  const { groups } = group.world;
  group.gone = true;
  groups.byName.delete(group.name);
  groups.byQueue.delete(group.queue);
  groups.trie.remove(parseSubscription(group.name).filter, group);
  group.store.dropQueue(group.queue);
  core.turn.wrote();
  countEnded(core, group);
}

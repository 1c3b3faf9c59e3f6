import { isTold } from '../base/index.ts';
import type { StoredMessage } from '../store/index.ts';
import type { BrokerCore } from './core.ts';
import { forgetRetainedMessage, keepRetainedMessage } from './durable/keep.ts';
import { retainedCost } from './retained-cost.ts';
import type { World } from './world.ts';

/**
 * Keeps or, with an empty payload, removes the retained message of a topic [MQTT-3.3.1-5, MQTT-3.3.1-6]. False: there is no
 * room for it.
 */
export function retain(core: BrokerCore, world: World, message: StoredMessage): boolean {
  const { topic, qos } = message;
  const known = world.retained.get(topic);
  if (message.payload.length === 0) {
    if (known === undefined) return true;
    removeRetained(world, known);
    forgetRetainedMessage(core, world, topic, qos);
    return true;
  }
  const { maxRetainedMessages, maxRetainedBytes } = core.limits;
  const bytes = world.retainedBytes - (known ? retainedCost(known) : 0) + retainedCost(message);
  const tooMany = !known && world.retained.size >= maxRetainedMessages;
  if (tooMany || bytes > maxRetainedBytes) {
    core.reached[tooMany ? 'maxRetainedMessages' : 'maxRetainedBytes'] += 1;
    world.counters.dropped += 1;
    world.notRetained += 1;
    if (isTold(world.notRetained)) {
      const fields = { topic, notRetained: world.notRetained };
      core.logger.warn(fields, 'not retained: the limit of retained messages is reached');
    }
    return false;
  }
  addRetained(world, message);
  keepRetainedMessage(core, world, message);
  return true;
}

/**
 * The message is the one of its topic from now on. It takes its place, so that a search that has passed it does not come to
 * it again.
 */
export function addRetained(world: World, message: StoredMessage): void {
  const known = world.retained.set(message.topic, message);
  if (known) world.retainedBytes -= retainedCost(known);
  world.retainedBytes += retainedCost(message);
  if (message.expiresAtMs !== null) world.retainedExpiring.set(message.topic, message);
  else if (known && world.retainedExpiring.size > 0) world.retainedExpiring.delete(message.topic);
}

function removeRetained(world: World, message: StoredMessage): void {
  world.retained.delete(message.topic);
  world.retainedBytes -= retainedCost(message);
  if (world.retainedExpiring.size > 0) world.retainedExpiring.delete(message.topic);
}

/** A retained message has waited beyond its time: it is no longer one. */
export function dropExpiredRetained(core: BrokerCore, world: World, message: StoredMessage): void {
  removeRetained(world, message);
  forgetRetainedMessage(core, world, message.topic, 0);
  world.counters.messagesExpired += 1;
}

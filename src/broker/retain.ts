import { isTold } from '../base/index.ts';
import type { StoredMessage } from '../store/index.ts';
import type { BrokerCore } from './core.ts';
import { forgetRetainedMessage, keepRetainedMessage } from './durable/keep.ts';
import { copyOf, type MessageView } from './message-view.ts';
import { costToRetain, retainedCost } from './retained-cost.ts';
import type { World } from './world.ts';

/** Keeps a message as the retained one of its topic [MQTT-3.3.1-5]. Null: there is no room for it. */
export function retain(core: BrokerCore, world: World, message: MessageView): StoredMessage | null {
  const topic = message.topic.name;
  const known = world.retained.get(topic);
  const { maxRetainedMessages, maxRetainedBytes } = core.limits;
  const bytes = world.retainedBytes - (known ? retainedCost(known) : 0) + costToRetain(message);
  const tooMany = !known && world.retained.size >= maxRetainedMessages;
  if (tooMany || bytes > maxRetainedBytes) {
    core.reached[tooMany ? 'maxRetainedMessages' : 'maxRetainedBytes'] += 1;
    world.counters.dropped += 1;
    world.notRetained += 1;
    if (isTold(world.notRetained)) {
      const fields = { topic, notRetained: world.notRetained };
      core.logger.warn(fields, 'not retained: the limit of retained messages is reached');
    }
    return null;
  }
  const kept = copyOf(world.number, message);
  addRetained(world, kept);
  keepRetainedMessage(core, world, kept);
  return kept;
}

/** An empty message was published with RETAIN: its topic has no retained one any more [MQTT-3.3.1-6]. */
export function unretain(core: BrokerCore, world: World, topic: string, qos: number): void {
  const known = world.retained.get(topic);
  if (known === undefined) return;
  removeRetained(world, known);
  forgetRetainedMessage(core, world, topic, qos);
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

import { Reason } from '../codec/index.ts';
import { type QueueTarget, type StoredMessage, storedBytes } from '../store/index.ts';
import type { Client } from './client.ts';
import type { BrokerCore } from './core.ts';
import { deliverAtMostOnce, deliverQueued } from './deliver.ts';
import { promise } from './fan-out.ts';
import { copyOf, type MessageView } from './message-view.ts';
import { isTight, queuesWithoutRoom, refuse } from './queue-bounds.ts';
import type { QueueOwner } from './queue-owner.ts';
import { type Receiver, type Receivers, receiversOf } from './receivers.ts';
import { retain as retainMessage, unretain } from './retain.ts';
import { deliverToGroup } from './share-out.ts';
import { CHECK_BYTES, checkStore } from './store-pressure.ts';
import type { World } from './world.ts';

/**
 * One accepted message on its way to everything that gets it: the retained index, those who watch, history, the durable
 * queues, and the connected receivers. Returns the reason for its acknowledgement: success, nobody gets it, or (0x97) all
 * that would get it have no room.
 */
export function distribute(core: BrokerCore, source: Client | null, world: World, message: MessageView): number {
  const { topic, bytes, payloadStart, payloadEnd, qos, retain } = message;
  const receivers = receiversOf(world, topic);
  let stored: StoredMessage | null = null;
  let isTaken = receivers.recorded;

  if (retain) {
    if (payloadEnd > payloadStart) stored = retainMessage(core, world, message);
    else unretain(core, world, topic.name, qos);
    if (stored !== null || payloadEnd === payloadStart) isTaken = true;
  }
  for (const tap of world.taps) {
    tap.published(topic, bytes, payloadStart, payloadEnd, qos, retain, message.arrivedUs);
  }
  if (receivers.recorded && qos === 0) recordQos0(world, message);

  const full = qos > 0 && isTight(core, world) ? queuesWithoutRoom(core, receivers, source) : null;
  let number = 0;
  if (qos > 0 && receivers.durable.length > 0) {
    const targets = durableTargets(receivers, source, full);
    if (targets.length > 0) {
      stored ??= copyOf(world.number, message);
      number = core.durable.append(stored, targets);
      core.turn.appended();
      core.uncheckedBytes += payloadEnd - payloadStart;
      if (core.uncheckedBytes > CHECK_BYTES) checkStore(core);
      if (receivers.recorded) {
        core.recorderRoom -= 1;
        core.recorderRoomBytes -= storedBytes(stored);
        // Within the turn: what is read behind this message waits.
        if (core.recorderRoom <= 0 || core.recorderRoomBytes <= 0) core.checkRecorder();
      }
    }
  }

  const { count, groups } = receivers;
  if (count === 0 && groups === null) return receivers.recorded ? Reason.success : Reason.noMatchingSubscribers;
  core.outgoing.begin(message, count);
  let isLate = false;
  let looked = 0;
  if (count > MANY) core.turn.unlooked += count / MANY;
  for (let i = 0; i < count; i++) {
    let receiver = (i === 0 ? receivers.first : receivers.list[i]) as Receiver;
    if (receiver.own !== receiver && receiver.client === source) {
      if (receiver.own === null) continue; // [MQTT-3.8.3-3]
      receiver = receiver.own;
    }
    const granted = Math.min(receiver.qos, qos) as 0 | 1 | 2;
    if (granted === 0) {
      if (deliverAtMostOnce(core, source, receiver, retain)) isTaken = true;
      continue;
    }
    if (full?.has(receiver.client)) {
      refuse(core, receiver.client);
      continue;
    }
    isTaken = true;
    looked += 1;
    if (looked % RECEIVERS_A_LOOK === 0) isLate = core.turn.isLate();
    if (receiver.client.promised > 0 || (isLate && receiver.client.ready)) {
      stored ??= copyOf(world.number, message);
      promise(core, source, receiver, stored, number);
      continue;
    }
    if (!receiver.client.persistent && !receiver.client.ready) stored ??= copyOf(world.number, message);
    deliverQueued(core, source, receiver, stored, number, granted, retain);
  }
  if (groups !== null) {
    if (qos > 0) stored ??= copyOf(world.number, message);
    for (const shared of groups) {
      if (full?.has(shared.group)) refuse(core, shared.group);
      else if (deliverToGroup(core, source, shared, message, stored, number)) isTaken = true;
    }
  }
  return full !== null && !isTaken ? Reason.quotaExceeded : Reason.success;
}

/** As many receivers cost about as much as a packet. */
const MANY = 16;
/** Receivers of QoS 1 and 2 between two looks at the clock: those of a message for fewer are all reached at once. */
const RECEIVERS_A_LOOK = 256;

function recordQos0(world: World, message: MessageView): void {
  const { topic, bytes, payloadStart, payloadEnd, arrivedUs } = message;
  const recorder = world.recorder;
  if (recorder === null) return;
  if (recorder.qos0.offer(topic, world.number, topic.name, bytes, payloadStart, payloadEnd, arrivedUs)) return;
  world.counters.dropped += 1;
}

/** The durable queues that a message goes to. */
function durableTargets(
  receivers: Receivers,
  source: Client | null,
  full: ReadonlySet<QueueOwner> | null,
): readonly QueueTarget[] {
  const targets = targetsFrom(receivers, source);
  if (full === null) return targets;
  const without = new Set([...full].flatMap(({ persistent, queue }) => (persistent ? [queue] : [])));
  return targets.filter(({ queue }) => !without.has(queue));
}

/** Its publisher's own queue as No Local says. */
function targetsFrom(receivers: Receivers, source: Client | null): readonly QueueTarget[] {
  if (source === null || !receivers.anyNoLocal) return receivers.durable;
  const found = receivers.list.find((receiver) => receiver.own !== receiver && receiver.client === source);
  if (!found) return receivers.durable;
  const others = receivers.durable.filter((target) => target !== found.target);
  const own = found.own?.target;
  return own && source.persistent ? [...others, own] : others;
}

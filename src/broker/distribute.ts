import type { StoredMessage } from '../store/index.ts';
import type { TopicEntry } from '../topics/index.ts';
import type { Client } from './client.ts';
import type { BrokerCore } from './core.ts';
import { deliverQueued } from './deliver.ts';
import { slowDown } from './flow.ts';
import { type Receiver, type Receivers, receiversOf } from './receivers.ts';
import type { World } from './world.ts';

/**
 * One accepted message on its way to everything that gets it: the retained index, those who watch, history, the durable
 * queues, and the connected receivers. `frameStart` is where its packet starts in `bytes` when that packet may go on as it
 * is, else -1. Returns whether anything gets it.
 */
export function distribute(
  core: BrokerCore,
  source: Client | null,
  world: World,
  entry: TopicEntry<Receivers>,
  bytes: Buffer,
  start: number,
  end: number,
  qos: 0 | 1 | 2,
  retain: boolean,
  properties: Buffer | null,
  arrivedUs: number,
  frameStart: number,
): boolean {
  const receivers = receiversOf(world, entry);
  let stored: StoredMessage | null = null;

  if (retain) {
    stored = copyOf(world, entry, bytes, start, end, qos, retain, properties, arrivedUs);
    keepRetained(core, world, stored);
  }
  for (const tap of world.taps) tap.published(entry, bytes, start, end, qos, retain, arrivedUs);
  if (receivers.recorded && qos === 0 && world.recorder) {
    if (!world.recorder.qos0.offer(entry, world.number, entry.name, bytes, start, end, arrivedUs)) {
      core.stats.dropped += 1;
    }
  }

  let number = 0;
  if (qos > 0 && receivers.durable.length > 0) {
    stored ??= copyOf(world, entry, bytes, start, end, qos, retain, properties, arrivedUs);
    const targets =
      source !== null && receivers.anyNoLocal
        ? receivers.durable.filter((target) => !isNoLocal(receivers, source, target.queue))
        : receivers.durable;
    number = core.durable.append(stored, targets);
    core.turn.appended();
  }

  const list = receivers.list;
  if (list.length === 0) return receivers.recorded;
  const outgoing = core.outgoing;
  outgoing.begin(entry, bytes, start, end, properties, list.length);
  if (frameStart >= 0) outgoing.cameAs(bytes, frameStart, end);
  for (let i = 0; i < list.length; i++) {
    const receiver = list[i] as Receiver;
    if (receiver.noLocal && receiver.client === source) continue; // [MQTT-3.8.3-3]
    const granted = receiver.qos < qos ? receiver.qos : qos;
    if (granted === 0) {
      deliverAtMostOnce(core, source, receiver, retain);
      continue;
    }
    if (!receiver.client.persistent && !receiver.client.ready) {
      stored ??= copyOf(world, entry, bytes, start, end, qos, retain, properties, arrivedUs);
    }
    deliverQueued(core, source, receiver, stored, number, granted, retain);
  }
  return true;
}

function deliverAtMostOnce(core: BrokerCore, source: Client | null, receiver: Receiver, retain: boolean): void {
  const client = receiver.client;
  const connection = client.connection;
  if (connection === null) return;
  if (connection.stalled && connection.congested) {
    client.dropped += 1;
    core.stats.dropped += 1;
    return;
  }
  const size = core.outgoing.send(
    connection,
    0,
    retain && receiver.retainAsPublished,
    false,
    -1,
    receiver.subscriptionIdentifiers,
  );
  if (size === 0) {
    client.dropped += 1;
    core.stats.dropped += 1;
    return;
  }
  client.messagesOut += 1;
  client.bytesOut += size;
  core.stats.messagesOut += 1;
  core.stats.bytesOut += size;
  core.turn.touch(connection);
  if (connection.congested) slowDown(core, source?.connection ?? null, connection);
}

function isNoLocal(receivers: Receivers, source: Client, queue: number): boolean {
  return source.queue === queue && receivers.list.some(({ client, noLocal }) => noLocal && client === source);
}

/** The message with bytes of its own: what is kept beyond the turn may not point into a socket's buffer. */
function copyOf(
  world: World,
  entry: TopicEntry<unknown>,
  bytes: Buffer,
  start: number,
  end: number,
  qos: 0 | 1 | 2,
  retain: boolean,
  properties: Buffer | null,
  arrivedUs: number,
): StoredMessage {
  const payload = Buffer.allocUnsafeSlow(end - start);
  bytes.copy(payload, 0, start, end);
  return { world: world.number, topic: entry.name, payload, qos, retain, properties, arrivedUs };
}

/** Keeps or, with an empty payload, removes the retained message of a topic [MQTT-3.3.1-5, MQTT-3.3.1-6]. */
function keepRetained(core: BrokerCore, world: World, message: StoredMessage): void {
  const before = world.retained.get(message.topic)?.payload.length ?? 0;
  if (message.payload.length === 0) {
    world.retained.delete(message.topic);
    world.retainedBytes -= before;
    return;
  }
  const { maxRetainedMessages, maxRetainedBytes } = core.limits;
  const bytes = world.retainedBytes - before + message.payload.length;
  if ((before === 0 && world.retained.size >= maxRetainedMessages) || bytes > maxRetainedBytes) {
    core.stats.dropped += 1;
    core.logger.warn({ topic: message.topic }, 'not retained: the limit of retained messages is reached');
    return;
  }
  world.retained.set(message.topic, message);
  world.retainedBytes = bytes;
}

import type { StoredMessage } from '../store/index.ts';
import { createSlab, type TopicEntry } from '../topics/index.ts';
import type { Receivers } from './receivers.ts';

/** A message as it passes through: its parts lie in a buffer of somebody else's. The hot path uses one object over and over. */
export type MessageView = {
  topic: TopicEntry<Receivers>;
  bytes: Buffer;
  payloadStart: number;
  payloadEnd: number;
  qos: 0 | 1 | 2;
  retain: boolean;
  /** Encoded properties that go with it, without their length; null: none. */
  properties: Buffer | null;
  /** Wall clock, microseconds since 1970 UTC. */
  arrivedUs: number;
  /** Monotonic; null: it does not expire (MQTT 5.0, 3.3.2.3.3). */
  expiresAtMs: number | null;
  /** Where its packet starts in `bytes` when that may go on to others as it is; else -1. */
  frameStart: number;
};

/** A view to reuse. */
export function noMessage(): MessageView {
  const nothing = Buffer.alloc(0);
  const topic = { name: '', bytes: nothing, hash: 0, generation: 0, receivers: null, live: undefined };
  return viewOf(topic, nothing, { qos: 0, retain: false, properties: null, arrivedUs: 0, expiresAtMs: null });
}

/** A view of a message that has bytes of its own. */
export function viewOf(
  topic: TopicEntry<Receivers>,
  payload: Buffer,
  more: Pick<MessageView, 'qos' | 'retain' | 'properties' | 'arrivedUs' | 'expiresAtMs'>,
): MessageView {
  const whole = { bytes: payload, payloadStart: 0, payloadEnd: payload.length, frameStart: -1 };
  const { qos, retain, properties, arrivedUs, expiresAtMs } = more;
  return { topic, ...whole, qos, retain, properties, arrivedUs, expiresAtMs };
}

/**
 * A view of a message that was kept. Its topic is not looked up in the world's table, where the topics are that are published
 * to now: a search over a million retained messages would push all of those out.
 */
export function viewOfKept(message: StoredMessage): MessageView {
  const name = message.topic;
  const topic = { name, bytes: Buffer.from(name), hash: 0, generation: 0, receivers: null, live: undefined };
  return viewOf(topic, message.payload as Buffer, message as StoredMessage & { readonly properties: Buffer | null });
}

const roomFor = createSlab();

/** The message with bytes of its own: what is kept beyond the turn may not point into a socket's buffer. */
export function copyOf(world: number, message: MessageView): StoredMessage {
  const { topic, payloadStart, payloadEnd, qos, retain, properties, arrivedUs, expiresAtMs } = message;
  const payload = roomFor(payloadEnd - payloadStart);
  message.bytes.copy(payload, 0, payloadStart, payloadEnd);
  return { world, topic: topic.name, payload, qos, retain, properties, arrivedUs, expiresAtMs };
}

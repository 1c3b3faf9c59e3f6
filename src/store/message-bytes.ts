import type { Clock } from '../base/index.ts';
import type { StoredMessage } from './port.ts';

/*
 * A message as bytes, in the log and in the table alike; drawn in docs/storage.md. What waits for it follows in the log.
 */

/** How what is monotonic in a process is kept beyond it: wall clock and back. */
export type ExpiryClock = {
  readonly toWallUs: (expiresAtMs: number) => number;
  readonly toMonotonicMs: (wallUs: number) => number;
};

const RETAIN = 4;
const HAS_PROPERTIES = 8;
const EXPIRES = 16;
/** Before the topic. */
export const MESSAGE_HEAD = 36;
const NOTHING = Buffer.alloc(0);

/** How many bytes it takes. */
export function messageBytes(message: StoredMessage): number {
  const { topic, payload, properties } = message;
  return MESSAGE_HEAD + Buffer.byteLength(topic) + payload.length + (properties?.length ?? 0);
}

/** Writes it to bytes[start..), as for so many queues; returns where it ends. */
export function writeMessageBytes(
  bytes: Buffer,
  start: number,
  message: StoredMessage,
  queues: number,
  clock: ExpiryClock,
): number {
  const { payload, expiresAtMs } = message;
  const properties = message.properties ?? NOTHING;
  bytes.writeUInt32LE(message.world, start);
  bytes[start + 4] =
    message.qos |
    (message.retain ? RETAIN : 0) |
    (message.properties === null ? 0 : HAS_PROPERTIES) |
    (expiresAtMs === null ? 0 : EXPIRES);
  bytes[start + 5] = 0;
  bytes.writeDoubleLE(message.arrivedUs, start + 8);
  bytes.writeDoubleLE(expiresAtMs === null ? 0 : clock.toWallUs(expiresAtMs), start + 16);
  bytes.writeUInt32LE(properties.length, start + 24);
  bytes.writeUInt32LE(payload.length, start + 28);
  bytes.writeUInt32LE(queues, start + 32);
  const topicBytes = bytes.write(message.topic, start + MESSAGE_HEAD);
  bytes.writeUInt16LE(topicBytes, start + 6);
  let at = start + MESSAGE_HEAD + topicBytes;
  bytes.set(properties, at);
  at += properties.length;
  bytes.set(payload, at);
  return at + payload.length;
}

/** A message by itself, for no queue. */
export function encodeMessage(message: StoredMessage, clock: ExpiryClock): Buffer {
  const bytes = Buffer.allocUnsafe(messageBytes(message)); // of a pool: it is kept until the table has it
  writeMessageBytes(bytes, 0, message, 0, clock);
  return bytes;
}

/** The message that begins at bytes[start]; it owns its bytes. */
export function decodeMessage(bytes: Buffer, start: number, clock: ExpiryClock): StoredMessage {
  const flags = bytes[start + 4] as number;
  const topicBytes = bytes.readUInt16LE(start + 6);
  const propertyBytes = bytes.readUInt32LE(start + 24);
  const payloadBytes = bytes.readUInt32LE(start + 28);
  const propertiesAt = start + MESSAGE_HEAD + topicBytes;
  const payloadAt = propertiesAt + propertyBytes;
  return {
    world: bytes.readUInt32LE(start),
    topic: bytes.toString('utf8', start + MESSAGE_HEAD, propertiesAt),
    payload: Buffer.from(bytes.subarray(payloadAt, payloadAt + payloadBytes)),
    qos: (flags & 3) as 0 | 1 | 2,
    retain: (flags & RETAIN) !== 0,
    properties: (flags & HAS_PROPERTIES) === 0 ? null : Buffer.from(bytes.subarray(propertiesAt, payloadAt)),
    arrivedUs: bytes.readDoubleLE(start + 8),
    expiresAtMs: (flags & EXPIRES) === 0 ? null : clock.toMonotonicMs(bytes.readDoubleLE(start + 16)),
  };
}

/** By the two clocks of this process. */
export function expiryClock(clock: Clock): ExpiryClock {
  return {
    toWallUs: (expiresAtMs) => clock.wallMicros() + (expiresAtMs - clock.monotonicMs()) * 1000,
    toMonotonicMs: (wallUs) => clock.monotonicMs() + (wallUs - clock.wallMicros()) / 1000,
  };
}

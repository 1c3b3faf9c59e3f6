import type { QueueId, QueueTarget, StoredMessage } from '../../port.ts';
import type { Batch } from './batch.ts';
import { MESSAGE_HEAD, RecordKind } from './layout.ts';

/** How what is monotonic in a process is kept beyond it: wall clock and back. */
export type ExpiryClock = {
  readonly toWallUs: (expiresAtMs: number) => number;
  readonly toMonotonicMs: (wallUs: number) => number;
};

const RETAIN = 4;
const HAS_PROPERTIES = 8;
const EXPIRES = 16;
const RETAIN_AS_PUBLISHED = 4;
/** Of a target without identifiers. */
const TARGET_BYTES = 8;
const IDENTIFIER_BYTES = 4;
const NOTHING = Buffer.alloc(0);

/** Bytes of the body of a message's record. */
export function messageBodyBytes(message: StoredMessage, topicBytes: number, targets: readonly QueueTarget[]): number {
  let size = MESSAGE_HEAD + topicBytes + message.payload.length + (message.properties?.length ?? 0);
  for (const { subscriptionIdentifiers } of targets)
    size += TARGET_BYTES + subscriptionIdentifiers.length * IDENTIFIER_BYTES;
  return size;
}

/** Appends a message's record to a batch; returns its offset in the segment. */
export function writeMessage(
  batch: Batch,
  number: number,
  message: StoredMessage,
  targets: readonly QueueTarget[],
  clock: ExpiryClock,
): number {
  const topicBytes = Buffer.byteLength(message.topic);
  const size = messageBodyBytes(message, topicBytes, targets);
  const start = batch.open(RecordKind.message, number, size);
  const { bytes } = batch;
  const { payload, expiresAtMs } = message;
  const properties = message.properties ?? NOTHING;
  bytes.writeUInt32LE(message.world, start);
  bytes[start + 4] =
    message.qos |
    (message.retain ? RETAIN : 0) |
    (message.properties === null ? 0 : HAS_PROPERTIES) |
    (expiresAtMs === null ? 0 : EXPIRES);
  bytes[start + 5] = 0;
  bytes.writeUInt16LE(topicBytes, start + 6);
  bytes.writeDoubleLE(message.arrivedUs, start + 8);
  bytes.writeDoubleLE(expiresAtMs === null ? 0 : clock.toWallUs(expiresAtMs), start + 16);
  bytes.writeUInt32LE(properties.length, start + 24);
  bytes.writeUInt32LE(payload.length, start + 28);
  bytes.writeUInt32LE(targets.length, start + 32);
  let at = start + MESSAGE_HEAD;
  at += bytes.write(message.topic, at);
  bytes.set(properties, at);
  at += properties.length;
  bytes.set(payload, at);
  at += payload.length;
  for (const target of targets) at = writeTarget(bytes, at, target);
  return batch.close(start, size);
}

function writeTarget(bytes: Buffer, start: number, target: QueueTarget): number {
  const { subscriptionIdentifiers } = target;
  bytes.writeUInt32LE(target.queue, start);
  bytes[start + 4] = target.maxQos | (target.retainAsPublished ? RETAIN_AS_PUBLISHED : 0);
  bytes[start + 5] = 0;
  bytes.writeUInt16LE(subscriptionIdentifiers.length, start + 6);
  let at = start + TARGET_BYTES;
  for (const identifier of subscriptionIdentifiers) at = bytes.writeUInt32LE(identifier, at);
  return at;
}

/** The message in the record body that begins at bytes[start]; it owns its bytes. */
export function readMessage(bytes: Buffer, start: number, clock: ExpiryClock): StoredMessage {
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

/** What a queue counts for a message, without making it: see `storedBytes`. */
export function countedBytes(bytes: Buffer, start: number): number {
  return bytes.readUInt16LE(start + 6) + bytes.readUInt32LE(start + 24) + bytes.readUInt32LE(start + 28);
}

/** The queues that a message is for. */
export function readTargets(bytes: Buffer, start: number): QueueTarget[] {
  const targets: QueueTarget[] = [];
  forEachTarget(bytes, start, (queue, at) => targets.push(targetAt(bytes, at, queue)));
  return targets;
}

/** What one of the queues is to get. */
export function readTarget(bytes: Buffer, start: number, wanted: QueueId): QueueTarget | null {
  let found: QueueTarget | null = null;
  forEachTarget(bytes, start, (queue, at) => {
    if (queue === wanted) found = targetAt(bytes, at, queue);
  });
  return found;
}

/** Calls with each queue of a message, and where what it is to get begins. */
export function forEachTarget(bytes: Buffer, start: number, visit: (queue: QueueId, at: number) => void): void {
  const count = bytes.readUInt32LE(start + 32);
  let at = start + MESSAGE_HEAD + countedBytes(bytes, start);
  for (let i = 0; i < count; i++) {
    visit(bytes.readUInt32LE(at), at);
    at += TARGET_BYTES + bytes.readUInt16LE(at + 6) * IDENTIFIER_BYTES;
  }
}

function targetAt(bytes: Buffer, at: number, queue: QueueId): QueueTarget {
  const flags = bytes[at + 4] as number;
  const identifiers: number[] = [];
  for (let i = 0; i < bytes.readUInt16LE(at + 6); i++) {
    identifiers.push(bytes.readUInt32LE(at + TARGET_BYTES + i * IDENTIFIER_BYTES));
  }
  return {
    queue,
    maxQos: (flags & 3) as 1 | 2,
    retainAsPublished: (flags & RETAIN_AS_PUBLISHED) !== 0,
    subscriptionIdentifiers: identifiers,
  };
}

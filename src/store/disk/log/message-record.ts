import { type ExpiryClock, MESSAGE_HEAD, messageBytes, writeMessageBytes } from '../../message-bytes.ts';
import type { QueueId, QueueTarget, StoredMessage } from '../../port.ts';
import type { Batch } from './batch.ts';
import { RecordKind } from './layout.ts';

const RETAIN_AS_PUBLISHED = 4;
/** Of a target without identifiers. */
const TARGET_BYTES = 8;
const IDENTIFIER_BYTES = 4;

/** Bytes of the body of a message's record. */
export function messageBodyBytes(message: StoredMessage, targets: readonly QueueTarget[]): number {
  let size = messageBytes(message);
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
  const size = messageBodyBytes(message, targets);
  const start = batch.open(RecordKind.message, number, size);
  let at = writeMessageBytes(batch.bytes, start, message, targets.length, clock);
  for (const target of targets) at = writeTarget(batch.bytes, at, target);
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

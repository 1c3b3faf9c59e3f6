import { silentLogger, systemClock } from '../../../base/index.ts';
import type { QueueTarget, StoredMessage } from '../../port.ts';
import { type DiskStore, type DiskStoreOptions, openDiskStore } from '../disk-store.ts';
import { copyHere } from './copy-here.ts';
import { inspectHere } from './inspect-here.ts';

/** So small that a test of some hundred messages fills many of them. */
export const SMALL_SEGMENT = 16 * 1024;

/** Opens a store with small segments, whose table follows at once and is looked at in this process. */
export function openSmall(folder: string, more: Partial<DiskStoreOptions> = {}): Promise<DiskStore> {
  return openDiskStore({
    folder,
    clock: systemClock(),
    logger: silentLogger,
    durability: 'sync',
    segmentBytes: SMALL_SEGMENT,
    tableMs: 0,
    inspect: inspectHere,
    copyTable: copyHere,
    ...more,
  });
}

/** A QoS 1 message that does not expire. */
export function storedMessage(topic: string, payload: Uint8Array): StoredMessage {
  return { world: 0, topic, payload, qos: 1, retain: false, properties: null, arrivedUs: 1, expiresAtMs: null };
}

export function targetOf(queue: number): QueueTarget {
  return { queue, maxQos: 1, retainAsPublished: false, subscriptionIdentifiers: [] };
}

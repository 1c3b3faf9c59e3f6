import type { Client } from './client.ts';
import type { BrokerCore } from './core.ts';
import { levelsOf } from './names.ts';
import { NODE_BYTES } from './retained-cost.ts';

/** What a subscription counts for, by its filter. */
export function filterCost(filter: string): number {
  return Buffer.byteLength(filter) + levelsOf(filter) * NODE_BYTES;
}

/** Whether a client may have one more subscription as large as this one. */
export function hasRoomForFilter(core: BrokerCore, client: Client, filter: string): boolean {
  return client.filterBytes + filterCost(filter) <= core.limits.maxSubscriptionBytesPerSession;
}

/** A client has one more subscription. */
export function countFilter(client: Client, filter: string): void {
  client.filterBytes += filterCost(filter);
}

/** It has it no more. */
export function countFilterGone(client: Client, filter: string): void {
  client.filterBytes -= filterCost(filter);
}

import { type QueueEntry, type StoredMessage, storedBytes } from '../store/index.ts';
import type { BrokerCore } from './core.ts';
import { countTaken } from './queue-bounds.ts';
import type { QueueOwner } from './queue-owner.ts';
import { dropExpiredRetained } from './retain.ts';
import type { World } from './world.ts';

/*
 * Message Expiry Interval (MQTT 5.0, 3.3.2.3.3). Who is connected and has room gets a message at once, its interval
 * unchanged. What waits is looked at when its turn comes, and swept now and then so that it does not hold the room of
 * others. Messages without an interval cost one comparison where they wait, and nothing where they do not.
 */

/** Entries of one queue that a sweep looks at before others get their turn. */
const PAGE_ENTRIES = 1000;
const PAGE_BYTES = 1024 * 1024;
/** Queues that one tick looks into, and owners that it asks whether it is time to. */
const QUEUES_A_TICK = 16;
const ASKED_A_TICK = 1000;
/** Retained messages that one tick looks at in each world. */
const RETAINED_A_TICK = 2000;

/** Whether the message waited too long to be sent [MQTT-3.3.2-5]. */
export function isExpired(core: BrokerCore, message: StoredMessage): boolean {
  return message.expiresAtMs !== null && message.expiresAtMs <= core.clock.monotonicMs();
}

/** Monotonic time at which a message with this interval (seconds) expires when it arrived at `nowMs`; null: never. */
export function expiryTime(nowMs: number, intervalS: number | undefined): number | null {
  return intervalS === undefined ? null : nowMs + intervalS * 1000;
}

/** Seconds that are left: the interval less the whole seconds that the message waited [MQTT-3.3.2-6]. */
export function secondsLeft(core: BrokerCore, expiresAtMs: number): number {
  return Math.max(0, Math.ceil((expiresAtMs - core.clock.monotonicMs()) / 1000));
}

/** An entry leaves its queue unsent. */
export function dropExpired(core: BrokerCore, owner: QueueOwner, entry: QueueEntry): void {
  owner.store.ack(owner.queue, entry.number);
  if (owner.persistent) core.turn.wrote();
  countTaken(core, owner, storedBytes(entry.message));
  owner.expired += 1;
  owner.world.counters.queueExpired += 1;
  owner.world.counters.messagesExpired += 1;
}

/** Called by the tick: takes off what waits somewhere beyond its time, a bounded lot at once. */
export function sweepExpired(core: BrokerCore, nowMs: number): void {
  for (const world of core.worlds.values()) if (world.retainedExpiring.size > 0) sweepRetained(core, world, nowMs);
  let queues = 0;
  let toAsk = Math.min(core.expiring.size, ASKED_A_TICK);
  for (const owner of core.expiring) {
    if (toAsk === 0 || queues === QUEUES_A_TICK) return;
    toAsk -= 1;
    core.expiring.delete(owner);
    if (owner.live || owner.gone) {
      owner.nextExpiryMs = Number.POSITIVE_INFINITY; // nothing of it waits
      owner.sweptTo = 0;
      continue;
    }
    core.expiring.add(owner); // behind all others
    if (owner.sweptTo === 0 && owner.nextExpiryMs > nowMs) continue;
    queues += 1;
    void sweepQueue(core, owner, nowMs);
  }
}

/** One page of a pass over the queue. The pass ends with an empty page; meanwhile the least time left over is noted. */
async function sweepQueue(core: BrokerCore, owner: QueueOwner, nowMs: number): Promise<void> {
  if (owner.sweeping || owner.pumping) return;
  owner.sweeping = true;
  try {
    if (owner.sweptTo === 0) owner.nextExpiryMs = Number.POSITIVE_INFINITY;
    const after = Math.max(owner.cursor, owner.sweptTo);
    const page = await owner.store.read(owner.queue, after, PAGE_ENTRIES, PAGE_BYTES);
    // What a pump reads at the same time it looks at itself.
    const isItsOwn = owner.pumping || owner.live || owner.gone;
    for (const entry of isItsOwn ? [] : page) {
      const { expiresAtMs } = entry.message;
      // In flight: its delivery has begun, and is finished [MQTT-4.3.3-7] [MQTT-4.3.3-13].
      if (expiresAtMs === null || entry.number <= owner.cursor) continue;
      if (expiresAtMs <= nowMs) dropExpired(core, owner, entry);
      else owner.nextExpiryMs = Math.min(owner.nextExpiryMs, expiresAtMs);
    }
    if (isItsOwn) {
      owner.sweptTo = 0;
      owner.nextExpiryMs = nowMs; // begins anew with the next tick
      return;
    }
    owner.sweptTo = page.at(-1)?.number ?? 0;
    if (page.length === 0 && owner.nextExpiryMs === Number.POSITIVE_INFINITY) core.expiring.delete(owner);
  } finally {
    owner.sweeping = false;
  }
}

function sweepRetained(core: BrokerCore, world: World, nowMs: number): void {
  for (let looked = 0; looked < RETAINED_A_TICK; looked++) {
    world.retainedSweep ??= world.retainedExpiring.values();
    const next = world.retainedSweep.next();
    if (next.done) {
      world.retainedSweep = null;
      return;
    }
    const { expiresAtMs } = next.value;
    if (expiresAtMs !== null && expiresAtMs <= nowMs) dropExpiredRetained(core, world, next.value);
  }
}

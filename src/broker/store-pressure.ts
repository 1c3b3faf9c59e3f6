import type { TopicEntry } from '../topics/index.ts';
import type { BrokerCore } from './core.ts';
import { goOnParked } from './reading-later.ts';
import { type Receivers, receiversOf } from './receivers.ts';
import type { Will } from './will.ts';
import type { World } from './world.ts';

/*
 * Where there is no room for what has to be kept, it is not taken: a PUBLISH that would need it stays unread, unacknowledged,
 * with all that its publisher sent behind it, until there is room. So nothing grows without end, however often publishers
 * come back and send again. What needs no room goes on. While there is room all of it is one comparison a PUBLISH.
 *
 *   recorderFull  the recorder's queue is at its bound
 *   storeBehind   too much waits to be synced
 *   diskLow       the disk's free space is below the reserve
 *   fanOutBehind  messages for many are on their way to more receivers than some turns have time for
 */
export type Pressure = 'recorderFull' | 'storeBehind' | 'diskLow' | 'fanOutBehind';

/** Durable messages of so many bytes are taken before the store is asked again within one turn. */
export const CHECK_BYTES = 1024 * 1024;

/** A message of this topic has to wait unread. `isRetained`: it would be kept as the retained one. */
export function mustWait(
  core: BrokerCore,
  world: World,
  topic: TopicEntry<Receivers>,
  qos: number,
  isRetained: boolean,
): boolean {
  const { recorded, durable } = receiversOf(world, topic);
  if (recorded && (core.recorderFull || core.diskLow)) return true;
  return (core.storeBehind || core.diskLow) && (isRetained || (qos > 0 && durable.length > 0));
}

/** A message that goes to many has to wait unread until those before it are there. */
export function mustWaitForFanOut(core: BrokerCore, world: World, topic: TopicEntry<Receivers>, qos: number): boolean {
  return core.fanOutBehind && qos > 0 && receiversOf(world, topic).count > FEW;
}

const FEW = 16;

/** So much of wills is kept while there is no room, until there was room again. */
export const WILL_BYTES = 16 * 1024 * 1024;

/**
 * Whether a will may go out. It tells others that a device is gone, so it waits for nobody; but each connection may bring one,
 * so those that have to be kept are bounded while there is no room.
 */
export function hasRoomForWill(core: BrokerCore, world: World, topic: TopicEntry<Receivers>, will: Will): boolean {
  if (!mustWait(core, world, topic, will.qos, will.retain && will.payload.length > 0)) return true;
  const bytes = will.topic.length * 2 + will.payload.length;
  if (core.heldWillBytes + bytes <= WILL_BYTES) {
    core.heldWillBytes += bytes;
    return true;
  }
  world.counters.dropped += 1;
  core.doorLog.warn({ topic: will.topic }, 'a will is not published: there is no room for more of them');
  return false;
}

export function setPressure(core: BrokerCore, which: Pressure, is: boolean): void {
  if (core[which] === is) return;
  core[which] = is;
  const isRoom = !core.recorderFull && !core.storeBehind && !core.diskLow;
  core.holding = !isRoom || core.fanOutBehind;
  if (isRoom) core.heldWillBytes = 0;
  if (is) return;
  releaseParked(core, which, core.parked.size);
}

/**
 * Those who wait go on one after the other, until there is no room again: then the rest keeps its order, and who went on is
 * behind it. Who waits for something else parks again.
 */
function releaseParked(core: BrokerCore, which: Pressure, left: number): void {
  if (left === 0) return;
  core.turn.later(() => {
    const [connection] = core.parked;
    if (connection === undefined || core[which]) return;
    goOnParked(connection);
    releaseParked(core, which, left - 1);
  });
}

/** Looks whether the store keeps up: called as it is written to, and as it has synced. */
export function checkStore(core: BrokerCore): void {
  core.uncheckedBytes = 0;
  const { maxUnsyncedBytes } = core.limits;
  const bytes = core.durable.unsyncedBytes();
  if (core.storeBehind) {
    if (bytes * 2 <= maxUnsyncedBytes) setPressure(core, 'storeBehind', false);
    return;
  }
  if (bytes <= maxUnsyncedBytes) return;
  core.reached.maxUnsyncedBytes += 1;
  core.doorLog.warn({ unsyncedBytes: bytes }, 'the disk is behind: publishers whose messages are kept wait for it');
  setPressure(core, 'storeBehind', true);
}

/** Looks whether the log is larger than it may be: called by the tick. */
export function checkLog(core: BrokerCore): void {
  const logBytes = core.durable.logBytes();
  const isFull = logBytes > core.limits.maxLogBytes;
  if (isFull && !core.logFull) {
    core.logger.warn({ logBytes }, 'the log of the store is as large as it may be: queues take no more');
  }
  core.logFull = isFull;
}

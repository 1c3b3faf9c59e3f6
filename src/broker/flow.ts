import type { Connection } from './connection.ts';
import { NOBODY } from './connection-fields.ts';
import type { BrokerCore } from './core.ts';
import { goOnWaiting, wait } from './waiting-unread.ts';
import type { World } from './world.ts';

/**
 * Back-pressure: a publisher whose receivers (or whose recorder) are behind is read more slowly, instead of buffering
 * without end. One receiver that takes nothing at all may hold others up for `stalledAfterMs` at the most; then it is
 * stalled, nobody waits for it, and its QoS 0 messages are dropped and counted until it has caught up.
 */
export function slowDown(core: BrokerCore, source: Connection | null, receiver: Connection): void {
  if (source === null || receiver.stalled || receiver.waiting.has(source)) return;
  if (receiver.waiting.size === 0) {
    receiver.behindSinceMs = core.clock.monotonicMs();
    core.behind.add(receiver);
    core.reached.maxOutputBytes += 1;
  }
  if (receiver.waiting === NOBODY) receiver.waiting = new Set();
  receiver.waiting.add(source);
  source.hold();
}

/** The wire took bytes of a receiver: those who wait for it go on once it is half way down. */
export function madeProgress(core: BrokerCore, receiver: Connection): void {
  if (receiver.waiting.size === 0 && !receiver.stalled) return;
  receiver.behindSinceMs = core.clock.monotonicMs();
  if (receiver.output.bytes * 2 > core.limits.maxOutputBytes) return;
  receiver.stalled = false;
  releaseWaiting(core, receiver);
}

/** Lets those go on who wait for a receiver: it has caught up, is stalled, or is gone. */
export function releaseWaiting(core: BrokerCore, receiver: Connection): void {
  core.behind.delete(receiver);
  const { waiting } = receiver;
  receiver.waiting = NOBODY;
  for (const source of waiting) source.unhold();
}

/** Called by the tick: finds receivers that have taken no byte for too long. */
export function findStalled(core: BrokerCore, nowMs: number): void {
  for (const receiver of core.behind) {
    if (nowMs - receiver.behindSinceMs < patienceFor(core, receiver, nowMs)) continue;
    receiver.stalled = true;
    receiver.stalls += 1;
    core.reached.stalledAfterMs += 1;
    receiver.stalledAtMs = nowMs;
    core.logger.warn(
      { client: receiver.name, waitingBytes: receiver.output.bytes },
      'receiver takes nothing: its QoS 0 messages are dropped until it has caught up',
    );
    releaseWaiting(core, receiver);
  }
}

/** Half as long after each stall of the last minute: else one that reads a little now and then would hold others up for ever. */
function patienceFor(core: BrokerCore, receiver: Connection, nowMs: number): number {
  if (core.shed >= 2) return 0; // memory is short: nobody has time to catch up
  if (nowMs - receiver.stalledAtMs > FORGIVEN_AFTER_MS) receiver.stalls = 0;
  return core.limits.stalledAfterMs / 2 ** Math.min(receiver.stalls, 5);
}

const FORGIVEN_AFTER_MS = 60_000;

/** Who has published no more than this since it got crowded is not why it did. */
const LIGHT_BYTES = 8 * 1024;

/**
 * Reads a publisher of recorded topics more slowly while too much of QoS 0 waits for the recorder. `bytes`: of the message
 * that it published now. Those who publish little go on until the room for them is used too.
 */
export function holdForRecorder(core: BrokerCore, connection: Connection, world: World, bytes: number): void {
  const qos0 = world.recorder?.qos0;
  if (!qos0?.crowded()) return;
  if (connection.crowd !== core.crowd) {
    connection.crowd = core.crowd;
    connection.crowdBytes = 0;
  }
  connection.crowdBytes += bytes;
  if (connection.crowdBytes <= LIGHT_BYTES && !qos0.nearlyFull()) return;
  if (core.waitingForRecorder.has(connection)) return;
  core.waitingForRecorder.add(connection);
  wait(connection);
}

/** The recorder has room again. */
export function releaseForRecorder(core: BrokerCore): void {
  core.crowd += 1;
  for (const connection of core.waitingForRecorder) core.turn.later(() => goOnWaiting(connection));
  core.waitingForRecorder.clear();
}

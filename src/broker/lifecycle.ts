import { Reason } from '../codec/index.ts';
import type { Client } from './client.ts';
import type { Connection } from './connection.ts';
import type { BrokerCore } from './core.ts';
import { distribute } from './distribute.ts';
import { giveFrozenBack } from './durable/frozen.ts';
import { forgetSession, forgetSubscription, keepSession } from './durable/keep.ts';
import { isOverdue } from './enhanced-auth.ts';
import { expiryTime, sweepExpired } from './expiry.ts';
import { findStalled, releaseWaiting } from './flow.ts';
import { detach, presenceChanged } from './groups.ts';
import { tellHint } from './hints.ts';
import { viewOf } from './message-view.ts';
import { newPass } from './pass.ts';
import { countEnded } from './queue-bounds.ts';
import { giveBack } from './share-out.ts';
import { countConnected, countConnection } from './stats.ts';
import { checkLog, hasRoomForWill } from './store-pressure.ts';
import type { Will } from './will.ts';
import type { World } from './world.ts';

/** A connection is over: its will, its session's further life, and those who waited for it. */
export function connectionClosed(core: BrokerCore, connection: Connection): void {
  if (core.meter.work !== 'closing') core.meter.begin('closing');
  if (core.connections.delete(connection)) countConnection(core, connection, -1);
  core.waitingForRecorder.delete(connection);
  core.parked.delete(connection);
  core.slowedDown.delete(connection);
  releaseWaiting(core, connection);
  const client = connection.client;
  if (!client || client.connection !== connection) return;
  if (connection.viewer) for (const computed of core.computed) computed.forget(connection.viewer);

  client.connection = null;
  presenceChanged(client);
  countConnected(core, client.world, -1);
  client.disconnectedAtUs = core.clock.wallMicros();
  const nowMs = core.clock.monotonicMs();
  const keptMs = client.expiryS === null ? Number.POSITIVE_INFINITY : client.expiryS * 1000;
  if (keptMs > 0) {
    client.live = false;
    client.endsAtMs = nowMs + keptMs; // [MQTT-3.1.2-23]
    const delayMs = Math.min((client.will?.delayS ?? 0) * 1000, keptMs);
    if (client.will && delayMs > 0) client.willAtMs = nowMs + delayMs;
    else publishWill(core, client);
    keepSession(core, client);
    return;
  }
  endSession(core, client, 'its connection ended');
}

const FEW = 10;

/** A session is over: its will if it still has one, its subscriptions, and its queue. */
export function endSession(core: BrokerCore, client: Client, why: string): void {
  if (client.session.subscriptions.size > FEW) core.meter.begin('session end');
  publishWill(core, client);
  forgetSession(core, client);
  const { world, session } = client;
  for (const filter of session.subscriptions.keys()) {
    detach(core, client, filter);
    forgetSubscription(core, client, filter);
  }
  session.subscriptions.clear();
  client.filterBytes = 0;
  giveBack(core, client);
  if (client.frozen !== null) void giveFrozenBack(core, client);
  client.retainedToSend.clear();
  client.store.dropQueue(client.queue);
  countEnded(core, client);
  if (client.persistent) core.turn.wrote();
  if (world.clients.get(session.clientId) === client) world.clients.delete(session.clientId);
  core.logger.debug({ client: session.clientId }, `session ended: ${why}`);
}

/** Publishes a client's will, once [MQTT-3.1.2-8]. */
function publishWill(core: BrokerCore, client: Client): void {
  const will = client.will;
  client.will = null; // [MQTT-3.1.2-10]
  client.willAtMs = null;
  if (will) publishFor(core, client.world, client, will);
}

function publishFor(core: BrokerCore, world: World, source: Client, will: Will): void {
  if (!source.principal.rules.all && !source.principal.rules.mayPublish(will.topic)) return;
  const topic = world.topics.lookupName(will.topic);
  if (core.holding && !hasRoomForWill(core, world, topic, will)) return;
  world.counters.messagesIn += 1;
  world.counters.payloadBytesIn += will.payload.length;
  const arrivedUs = core.clock.wallMicros();
  const expiresAtMs = expiryTime(core.clock.monotonicMs(), will.expiryS ?? undefined);
  // Retained or not as the CONNECT said [MQTT-3.1.2-14] [MQTT-3.1.2-15].
  distribute(core, source, world, viewOf(topic, will.payload, { ...will, arrivedUs, expiresAtMs }));
}

/** Sheds load where memory is short (see `ShedLevel`); what waits for a watermark to fall is asked elsewhere. */
function lookAtMemory(core: BrokerCore): void {
  const before = core.shed;
  core.shed = core.memory?.look() ?? 0;
  if (core.shed >= 2 && before < 2) for (const world of core.worlds.values()) world.topics.forget();
}

/** What the tick goes through, where there may be ten thousand that are due together. */
export type TickPasses = { readonly connections: () => void; readonly sessions: () => void };

export function newTickPasses(core: BrokerCore): TickPasses {
  const connections = newPass(
    core.turn,
    () => core.connections,
    (connection) => checkConnection(core, connection, core.clock.monotonicMs()),
  );
  const sessions = newPass(
    core.turn,
    () => sessionsOf(core),
    (client) => checkSession(core, client, core.clock.monotonicMs()),
  );
  return { connections, sessions };
}

function* sessionsOf(core: BrokerCore): Generator<Client> {
  for (const world of core.worlds.values()) yield* world.clients.values();
}

/** Called twice a second: everything that depends on time. All of it by the monotonic clock. */
export function tick(core: BrokerCore, passes: TickPasses): void {
  core.meter.begin('tick');
  const nowMs = core.clock.monotonicMs();
  lookAtMemory(core);
  core.clock.wallMicros(); // so that a step of the wall clock is noticed and logged also while nothing is published
  findStalled(core, nowMs);
  for (const [connection, waiting] of core.slowedDown) {
    if (waiting.dueMs > nowMs) continue;
    core.slowedDown.delete(connection);
    waiting.goOn();
  }
  sweepExpired(core, nowMs);
  checkLog(core);
  passes.connections();
  passes.sessions();
}

/** Of a client that is away: its delayed will, and its end. */
function checkSession(core: BrokerCore, client: Client, nowMs: number): void {
  if (client.connection !== null) return; // [MQTT-4.1.0-1]
  if (client.willAtMs !== null && client.willAtMs <= nowMs) {
    publishWill(core, client);
    keepSession(core, client);
  }
  if (client.endsAtMs !== null && client.endsAtMs <= nowMs) {
    client.world.counters.sessionsExpired += 1;
    endSession(core, client, 'it expired'); // [MQTT-4.1.0-2]
  }
}

/** Nothing comes from it since we do not read it, and not for its own fault. */
function isWaiting(connection: Connection): boolean {
  return (connection.held && !connection.unread) || connection.roomWaiting !== null;
}

function checkConnection(core: BrokerCore, connection: Connection, nowMs: number): void {
  if (connection.state !== 'open') {
    // Before its CONNECT, and while it is asked, the time is its own; else it waits for us.
    const bound = connection.state === 'authenticating' ? 'signInTimeoutS' : 'connectTimeoutS';
    if (nowMs - connection.openedAtMs <= core.limits[bound] * 1000) return;
    core.reached[bound] += 1;
    connection.abort(connection.state === 'new' ? 'no CONNECT in time' : 'its sign-in was not done in time');
    return;
  }
  if (connection.auth !== null && isOverdue(core, connection, nowMs)) {
    connection.disconnect(Reason.notAuthorized, 're-authentication was not done in time'); // [MQTT-4.12.1-2]
    return;
  }
  if (
    connection.keepAliveMs > 0 &&
    nowMs - connection.lastPacketMs > connection.keepAliveMs &&
    !isWaiting(connection)
  ) {
    if (connection.version < 5 && !connection.pinged) tellHint(core, connection, 'neverPinged');
    connection.disconnect(
      Reason.keepAliveTimeout,
      `no packet came for one and a half times its keep-alive of ${connection.keepAliveMs / 1500} s`,
    );
  }
}

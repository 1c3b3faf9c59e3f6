import type { Access, Principal } from '../access/index.ts';
import {
  type Clock,
  type Logger,
  type MemoryWatermark,
  nothingReached,
  type Reached,
  sparingLogger,
  TurnMeter,
} from '../base/index.ts';
import { Reason, reasonText } from '../codec/index.ts';
import type { Effect } from '../session/index.ts';
import { createMemoryStore, expiryClock, type Store } from '../store/index.ts';
import type { Client } from './client.ts';
import { connect } from './connect.ts';
import { Connection } from './connection.ts';
import type { BrokerCore, Sharing } from './core.ts';
import { settle } from './deliver.ts';
import { distribute } from './distribute.ts';
import { type Restored, restore } from './durable/restore.ts';
import { authReceived } from './enhanced-auth.ts';
import { expel } from './expel.ts';
import type { BrokerStats, ClientInfo, PublishOutcome, PublishRequest, Traffic, WorldStats } from './facade.ts';
import { newPromised } from './fan-out.ts';
import { madeProgress, releaseForRecorder } from './flow.ts';
import { heedGoodbye } from './goodbye.ts';
import { isOfGroup } from './group.ts';
import { settleGroup } from './groups.ts';
import type { ComputedTopics, Tap } from './hooks.ts';
import { clientInfos } from './inspect.ts';
import { connectionClosed, newTickPasses, tick } from './lifecycle.ts';
import { type BrokerLimits, DEFAULT_LIMITS } from './limits.ts';
import { noMessage, viewOf } from './message-view.ts';
import { DEFAULT_MQTT5, type Mqtt5Settings } from './mqtt5.ts';
import { nameFault } from './names.ts';
import { Outgoing } from './outgoing.ts';
import { advance, publishHeld } from './pump.ts';
import type { QueuePolicy } from './queue-bounds.ts';
import { createRates } from './rates.ts';
import type { Qos0Recorder } from './recorder-port.ts';
import { attachRecorder, type RecorderQueue } from './recorder-queue.ts';
import { isReserved, repeated, route } from './route.ts';
import { wakeGroups } from './share-out.ts';
import { Counters, countConnection, newServerCounters, statsOfServer, statsOfWorld, trafficOf } from './stats.ts';
import { checkStore, mustWait, setPressure } from './store-pressure.ts';
import { subscribe, unsubscribe } from './subscribe.ts';
import { newTimings, type Timings } from './timings.ts';
import { Turn } from './turn.ts';
import type { Wire } from './wire.ts';
import { World } from './world.ts';

const TICK_MS = 500;
/** At a stop: for what waits for the disk. */
const CLOSE_MS = 1500;

export type BrokerOptions = {
  readonly store: Store;
  readonly access: Access;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly limits?: Partial<BrokerLimits>;
  /** Where it counts what it refuses, slows down and cuts at its bounds. */
  readonly reached?: Reached;
  /** Where it says what it works on. */
  readonly meter?: TurnMeter;
  /** Absent: memory has no watermark. */
  readonly memory?: MemoryWatermark;
  /** Calls back once, and does not keep the program running; a test gives its own. */
  readonly later?: (work: () => void, ms: number) => void;
  readonly mqtt5?: Partial<Mqtt5Settings>;
  /** `fair` unless said. */
  readonly sharedSubscriptions?: Sharing;
  /** What happens at the bound of a queue; `refuse-new` unless said. */
  readonly queuePolicy?: QueuePolicy;
  /** Namespaces, in the order of their numbers; `default` alone unless said. */
  readonly worlds?: readonly string[];
};

/** Sessions, topics and the store, brought together. Transports open connections; the rooms above ask and watch. */
export type Broker = {
  /** Goes on with what the store has of an earlier process. To be called before the first connection. */
  readonly restore: (stop?: AbortSignal) => Promise<Restored>;
  /** Takes a new byte stream; null when there is no room for another connection (the caller closes it). */
  readonly open: (wire: Wire) => Connection | null;
  /** Publishes from inside the process. Resolves when it is as durable as an acknowledged message. */
  readonly publish: (world: string, request: PublishRequest, principal: Principal) => Promise<PublishOutcome>;
  /** No more than `most`, in the order in which their sessions began. */
  readonly clients: (world: string, most?: number) => readonly ClientInfo[];
  readonly stats: () => BrokerStats;
  /** The counters of one world, or of the whole server (null): cheap, however many sessions there are. */
  readonly traffic: (world: number | null) => Traffic;
  readonly timings: Timings;
  /** Null: there is no such world. */
  readonly worldStats: (world: number) => WorldStats | null;
  readonly worldNumber: (name: string) => number | null;
  readonly worldNames: () => readonly string[];
  readonly worldNumbers: () => readonly number[];
  readonly addTap: (world: number, tap: Tap) => void;
  readonly addComputed: (computed: ComputedTopics) => void;
  /** Records every world from now on; returns the queue of QoS 1 and 2 messages for the recorder to drain. */
  readonly record: (qos0: Qos0Recorder) => RecorderQueue;
  /** Ends the connection of a client by an administrator's wish; false when it has none. Its session stays. */
  readonly disconnect: (world: string, clientId: string) => boolean;
  /** Ends the connections of a principal whose right has ended. */
  readonly expel: (tokenKey: string) => void;
  /** The disk's free space is below the reserve, or no more so: until then nothing is taken that has to be kept. */
  readonly diskIsLow: (isLow: boolean) => void;
  /** Called twice a second by the timer that `createBroker` starts; tests call it themselves. */
  readonly tick: () => void;
  /** Says good-bye to all clients and stops. Wills are published as for any connection that the server ends. The store stays open: history may still read it. */
  readonly close: () => Promise<void>;
};

export function createBroker(options: BrokerOptions): Broker {
  const { store, access, clock, logger } = options;
  const limits = { ...DEFAULT_LIMITS, ...options.limits };
  const { reached = nothingReached(), meter = new TurnMeter({ clock }) } = options;
  const timings = newTimings();
  const doorLog = sparingLogger(logger);
  // Whose device it is wants to know each fault; who signs in again and again to make them must not fill the disk.
  const faultLog = sparingLogger(logger, { lines: 1000 });
  const turn = new Turn(store, logger, clock, timings, meter, { most: limits.maxWaitingAcks, reached });
  const core: BrokerCore = {
    clock,
    logger,
    doorLog,
    limits,
    reached,
    rates: createRates({ limits, clock, reached, ...(options.later === undefined ? {} : { later: options.later }) }),
    mqtt5: { ...DEFAULT_MQTT5, ...options.mqtt5 },
    server: newServerCounters(),
    counters: new Counters(),
    access,
    durable: store,
    transient: createMemoryStore(),
    expiry: expiryClock(clock),
    turn,
    timings,
    meter,
    memory: options.memory ?? null,
    shed: 0,
    outgoing: new Outgoing(),
    sharing: options.sharedSubscriptions ?? 'fair',
    queuePolicy: options.queuePolicy ?? 'refuse-new',
    worlds: new Map(
      (options.worlds ?? ['default']).map((name, number) => [name, new World(number, name, limits.topicCacheEntries)]),
    ),
    connections: new Set(),
    byTransport: new Map(),
    behind: new Set(),
    promised: newPromised(),
    expiring: new Set(),
    waitingForRecorder: new Set(),
    crowd: 0,
    slowedDown: new Map(),
    hintsTold: new Map(),
    computed: [],
    queuedInAll: 0,
    queuedBytesInAll: 0,
    allFull: false,
    logFull: false,
    recorderFull: false,
    storeBehind: false,
    diskLow: false,
    fanOutBehind: false,
    holding: false,
    parked: new Set(),
    keptUnreadBytes: 0,
    lingering: 0,
    heldWillBytes: 0,
    recorderRoom: 0,
    recorderRoomBytes: 0,
    checkRecorder: () => {},
    uncheckedBytes: 0,
    message: noMessage(),
    arrivedMs: 0,
    arrivedUs: 0,
    frameStart: 0,
    soon: options.later ?? ((work, ms) => void setTimeout(work, ms).unref()),
    connect: (connection, packet) => connect(core, connection, packet),
    auth: (connection, packet) => authReceived(core, connection, packet),
    route: (connection, client, bytes, view) => route(core, connection, client, bytes, view),
    repeated: (connection, client, bytes, view) => repeated(core, connection, client, bytes, view),
    perform: (connection, client, effect) => perform(core, connection, client, effect),
    publishHeld: (connection, client, packetId) => publishHeld(core, connection, client, packetId),
    delivered: (client, entry, isDelivered) => {
      if (entry !== null && isOfGroup(client, entry)) settleGroup(core, client, entry, isDelivered);
      else settle(core, client, entry, isDelivered);
    },
    windowOpened: (client) => {
      if (client.waits) advance(core, client);
      if (client.groups !== null) wakeGroups(core, client);
    },
    progressed: (connection) => {
      madeProgress(core, connection);
      const client = connection.client;
      if (client?.waits) advance(core, client);
      if (client && client.groups !== null) wakeGroups(core, client);
    },
    refused: (connection, reason, why) => {
      core.server.connectionsRefused += 1;
      const { address } = connection.wire.remote;
      doorLog.warn({ address, why }, `CONNECT refused: ${reasonText(reason)}`);
    },
    protocolFault: (connection, reason, text) => {
      core.server.protocolErrors += 1;
      const { address } = connection.wire.remote;
      const log = connection.client === null ? doorLog : faultLog;
      log.warn({ client: connection.name, address, why: text }, `protocol error: ${reasonText(reason)}`);
    },
    closed: (connection) => connectionClosed(core, connection),
  };
  turn.onWrote(() => checkStore(core));
  store.onSynced(() => checkStore(core));
  access.onRevoked((key, isOver) => expel(core, key, isOver));
  let restoring = false;
  const passes = newTickPasses(core);
  const timer = setInterval(() => {
    if (!restoring) tick(core, passes);
  }, TICK_MS);
  timer.unref();

  return {
    async restore(stop) {
      restoring = true; // nothing is due before all are there who get it
      try {
        return await restore(core, stop);
      } finally {
        restoring = false;
      }
    },
    open(wire) {
      if (core.connections.size >= limits.maxConnections) {
        core.server.connectionsRefused += 1;
        core.reached.maxConnections += 1;
        doorLog.warn(
          { address: wire.remote.address, limit: limits.maxConnections },
          'connection refused: the limit of connections is reached',
        );
        return null;
      }
      core.turn.newcomer();
      const connection = new Connection(core, wire);
      core.connections.add(connection);
      countConnection(core, connection, 1);
      core.counters.connectionsTotal += 1;
      return connection;
    },
    publish: (world, request, principal) => publishInside(core, world, request, principal),
    clients: (name, most) => clientInfos(core, name, most),
    stats: () => statsOfServer(core),
    traffic: (number) => trafficOf(core, number),
    timings,
    worldStats(number) {
      for (const world of core.worlds.values()) if (world.number === number) return statsOfWorld(world);
      return null;
    },
    worldNumber: (name) => core.worlds.get(name)?.number ?? null,
    worldNames: () => [...core.worlds.keys()],
    worldNumbers: () => [...core.worlds.values()].map(({ number }) => number),
    addTap(number, tap) {
      for (const world of core.worlds.values()) if (world.number === number) world.taps.push(tap);
    },
    addComputed: (computed) => void core.computed.push(computed),
    record(qos0) {
      qos0.onRoom(() => releaseForRecorder(core));
      return attachRecorder(core, qos0);
    },
    disconnect(name, clientId) {
      const connection = core.worlds.get(name)?.clients.get(clientId)?.connection ?? null;
      connection?.disconnect(Reason.administrativeAction, 'an administrator ended the connection');
      return connection !== null;
    },
    expel: (key) => expel(core, key, true),
    diskIsLow: (isLow) => setPressure(core, 'diskLow', isLow),
    tick: () => tick(core, passes),
    async close() {
      clearInterval(timer);
      for (const connection of core.connections) {
        if (meter.work !== 'closing') meter.begin('closing');
        sayServerStops(core, connection);
        // Ten thousand at a stretch would keep what is durable by now from being acknowledged.
        if (turn.isLate()) await new Promise((resolve) => setImmediate(resolve));
      }
      // A disk that cannot be written does not hold a stop up: nothing that waits for it was acknowledged.
      let waiting: NodeJS.Timeout | undefined;
      const patience = new Promise<void>((resolve) => {
        waiting = setTimeout(resolve, CLOSE_MS);
      });
      await Promise.race([turn.whenDurable().catch(() => {}), patience]);
      clearTimeout(waiting);
    },
  };
}

/** Does what the session answered to a rare packet. */
function perform(core: BrokerCore, connection: Connection, client: Client, effect: Effect): void {
  switch (effect.do) {
    case 'send':
      connection.send(effect.packet);
      break;
    case 'subscribe':
      subscribe(core, connection, client, effect.packet);
      break;
    case 'unsubscribe':
      unsubscribe(core, connection, client, effect.packet);
      break;
    case 'auth':
      authReceived(core, connection, effect.packet);
      break;
    case 'disconnect':
      sayGoodbye(connection, client, effect);
      break;
    case 'fault':
      connection.fault(effect.reason, effect.text);
      break;
  }
}

function sayGoodbye(connection: Connection, client: Client, effect: Extract<Effect, { do: 'disconnect' }>): void {
  if (heedGoodbye(connection, client, effect)) connection.finish();
  else connection.fault(Reason.protocolError, 'DISCONNECT sets a session expiry that CONNECT had not [MQTT-3.14.2-2]');
}

/** At shutdown: 0x8B, or where there is another server its name. */
function sayServerStops({ mqtt5 }: BrokerCore, connection: Connection): void {
  const { serverReference, serverReferenceWhen } = mqtt5;
  if (serverReference === null) {
    connection.disconnect(Reason.serverShuttingDown, 'the server stops');
    return;
  }
  const reason = serverReferenceWhen === 'moved' ? Reason.serverMoved : Reason.useAnotherServer;
  connection.disconnect(reason, 'the server stops', { serverReference });
}

async function publishInside(
  core: BrokerCore,
  name: string,
  request: PublishRequest,
  principal: Principal,
): Promise<PublishOutcome> {
  const world = core.worlds.get(name);
  if (!world) return { ok: false, reason: 'not-authorized', detail: `there is no namespace ${name}` };
  const fault = nameFault(core, request.topic);
  if (fault) return { ok: false, reason: 'bad-topic', detail: fault };
  if (request.payload.length > core.limits.maxPacketBytes) {
    return { ok: false, reason: 'too-large', detail: `the payload is larger than ${core.limits.maxPacketBytes} bytes` };
  }
  if (isReserved(core, request.topic) || (!principal.rules.all && !principal.rules.mayPublish(request.topic))) {
    return { ok: false, reason: 'not-authorized', detail: `may not publish to ${request.topic}` };
  }
  const topic = world.topics.lookupName(request.topic);
  const { qos, retain } = request;
  if (core.holding && mustWait(core, world, topic, qos, retain && request.payload.length > 0)) {
    return { ok: false, reason: 'full', detail: 'there is no room now for messages that have to be kept' };
  }
  world.counters.messagesIn += 1;
  world.counters.payloadBytesIn += request.payload.length;
  const payload = Buffer.from(request.payload);
  const message = viewOf(topic, payload, {
    qos,
    retain,
    properties: null,
    arrivedUs: core.clock.wallMicros(),
    expiresAtMs: null,
  });
  if (distribute(core, null, world, message) === Reason.quotaExceeded) {
    return { ok: false, reason: 'full', detail: 'the queues of all that would get it are full' };
  }
  await core.turn.whenDurable();
  return { ok: true };
}

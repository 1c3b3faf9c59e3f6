import type { Connection } from './connection.ts';
import type { BrokerCore } from './core.ts';
import type { BrokerStats, Traffic, WorldStats } from './facade.ts';
import type { World } from './world.ts';

/**
 * What is counted on the way of a message: once for each world, and once for what belongs to none (yet). A connection
 * holds those that it counts in, so that a message costs no look-up. They only grow; sums are made when somebody asks.
 */
export class Counters {
  /** Network connections. They belong to no world before their CONNECT, so that worlds have none. */
  connectionsTotal = 0;
  /** CONNECT packets. */
  connects = 0;
  /** Packets other than PUBLISH, from and to clients. */
  otherPacketsIn = 0;
  otherPacketsOut = 0;
  /** PUBLISH, with wills and with what is published inside the process. */
  messagesIn = 0;
  messagesOut = 0;
  /** Bytes of their payloads. */
  payloadBytesIn = 0;
  payloadBytesOut = 0;
  /** Bytes of the connections, whole. */
  bytesIn = 0;
  bytesOut = 0;
  dropped = 0;
  /** Messages that waited beyond their Message Expiry Interval, for a client or among the retained ones. */
  messagesExpired = 0;
  /** Sessions that ended since their clients stayed away too long. */
  sessionsExpired = 0;
  /** Messages that were not queued, at a bound. */
  queueRefused = 0;
  /** Messages that left a queue: their receiver has them; it cannot or may not have them; they waited too long; the queue ended; they made room for newer ones. */
  queueDelivered = 0;
  queueUndeliverable = 0;
  queueExpired = 0;
  queueEnded = 0;
  queuePushedOut = 0;
}

/** What only the server as a whole has. */
export type ServerCounters = {
  connectionsRefused: number;
  protocolErrors: number;
  /** Clients that are signed in now, and the most there were at a time. */
  connected: number;
  maxConnected: number;
};

export function newServerCounters(): ServerCounters {
  return { connectionsRefused: 0, protocolErrors: 0, connected: 0, maxConnected: 0 };
}

/** What a connection has counted before anybody knew whose it is goes over to its world: one CONNECT and its bytes. */
export function moveConnect(from: Counters, to: Counters, bytesIn: number): void {
  from.connects -= 1;
  to.connects += 1;
  from.otherPacketsIn -= 1;
  to.otherPacketsIn += 1;
  from.bytesIn -= bytesIn;
  to.bytesIn += bytesIn;
}

/** A client is signed in, or is so no more: `by` is 1 or -1. */
export function countConnected(core: BrokerCore, world: World, by: 1 | -1): void {
  world.connected += by;
  world.maxConnected = Math.max(world.maxConnected, world.connected);
  core.server.connected += by;
  core.server.maxConnected = Math.max(core.server.maxConnected, core.server.connected);
}

/** A connection has begun or is over: `by` is 1 or -1. */
export function countConnection({ byTransport }: BrokerCore, { wire }: Connection, by: 1 | -1): void {
  const { transport } = wire.remote;
  const now = (byTransport.get(transport) ?? 0) + by;
  if (now > 0) byTransport.set(transport, now);
  else byTransport.delete(transport);
}

/** The figures of one world: at hand, however many sessions it has. */
export function statsOfWorld(world: World): WorldStats {
  const { counters, clients, subscriptions, groups, retained, connected, maxConnected } = world;
  const { retainedBytes, queued, queuedBytes } = world;
  return {
    sessions: clients.size,
    connected,
    maxConnected,
    subscriptions: subscriptions.size + groups.members,
    sharedSubscriptions: groups.members,
    retained: retained.size,
    retainedBytes,
    queued,
    queuedBytes,
    ...figuresOf(counters),
  };
}

/** The counters of a world, or of all (null). */
export function trafficOf(core: BrokerCore, number: number | null): Traffic {
  let sum = figuresOf(number === null ? core.counters : new Counters());
  for (const world of core.worlds.values()) {
    if (number === null || world.number === number) sum = added(sum, figuresOf(world.counters));
  }
  return sum;
}

/** The figures of the whole server. */
export function statsOfServer(core: BrokerCore): BrokerStats {
  const { connectionsRefused, protocolErrors, connected, maxConnected } = core.server;
  let sum = { ...NO_SESSIONS, ...figuresOf(core.counters) };
  for (const world of core.worlds.values()) sum = added(sum, statsOfWorld(world));
  return {
    ...sum,
    connected,
    maxConnected,
    connections: core.connections.size,
    connectionsByTransport: Object.fromEntries(core.byTransport),
    connectionsRefused,
    protocolErrors,
    sharedGroups: sumOf(core, (world) => world.groups.byName.size),
    cachedTopics: sumOf(core, (world) => world.topics.size),
    receiversBehind: core.behind.size,
    publishersSlowed: core.rates.held(),
    recorderFull: core.recorderFull,
    publishersWaiting: core.parked.size + core.waitingForRecorder.size,
  };
}

function sumOf({ worlds }: BrokerCore, figure: (world: World) => number): number {
  let sum = 0;
  for (const world of worlds.values()) sum += figure(world);
  return sum;
}

const NO_SESSIONS = {
  sessions: 0,
  connected: 0,
  maxConnected: 0,
  subscriptions: 0,
  sharedSubscriptions: 0,
  retained: 0,
  retainedBytes: 0,
  queued: 0,
  queuedBytes: 0,
};

function figuresOf(counters: Counters): Traffic {
  const { otherPacketsIn, otherPacketsOut, ...rest } = counters;
  const packetsIn = rest.messagesIn + otherPacketsIn;
  const packetsOut = rest.messagesOut + otherPacketsOut;
  return { ...rest, packetsIn, packetsOut };
}

function added<Figures extends Readonly<Record<string, number>>>(one: Figures, other: Figures): Figures {
  return Object.fromEntries(Object.entries(one).map(([name, value]) => [name, value + (other[name] ?? 0)])) as Figures;
}

import type { TopicRules } from '../../access/index.ts';
import type { TurnMeter } from '../../base/index.ts';
import { Session, type Subscription } from '../../session/index.ts';
import { decodeMessage, type InFlight, type QueueEntry, type QueueId } from '../../store/index.ts';
import { isShared, parseSubscription } from '../../topics/index.ts';
import { Client } from '../client.ts';
import type { BrokerCore } from '../core.ts';
import { isExpired } from '../expiry.ts';
import { countFilter } from '../filter-cost.ts';
import type { Group } from '../group.ts';
import { join } from '../groups.ts';
import { countRestored } from '../queue-bounds.ts';
import { newSubscribed } from '../receivers.ts';
import { addRetained } from '../retain.ts';
import { wakeGroup } from '../share-out.ts';
import type { World } from '../world.ts';
import type { ExchangeKind } from './keep.ts';
import { decodeSession, type SessionRecord, willOf } from './session-record.ts';

/** What a start found in the store. */
export type Restored = {
  readonly sessions: number;
  readonly subscriptions: number;
  readonly queued: number;
  readonly retained: number;
  /** Sessions of somebody who is not known any more: they get nothing, and wait for their end or for him. */
  readonly orphans: number;
  /** Rows that nothing could be made of. */
  readonly leftOut: number;
};

/** Rows that are taken before others have their turn. */
const STEP = 1000;
const PAGE_ENTRIES = 256;
const PAGE_BYTES = 1024 * 1024;

type Row = readonly [key: string, value: Uint8Array];

/** Sessions, subscriptions, what is in flight and retained messages as the store has them. Before anybody connects. Rejects when it is to stop. */
export async function restore(core: BrokerCore, stop?: AbortSignal): Promise<Restored> {
  const worlds = new Map([...core.worlds.values()].map((world) => [String(world.number), world]));
  let orphans = 0;
  let leftOut = 0;
  const inWorld = async (
    table: 'session' | 'subscription' | 'retained',
    take: (world: World, rest: string, value: Uint8Array) => boolean,
  ): Promise<void> => {
    await inSteps(core.meter, stop, core.durable.entries(table), ([key, value]) => {
      const at = key.indexOf('/');
      const world = worlds.get(key.slice(0, at));
      if (world === undefined || !take(world, key.slice(at + 1), value)) leftOut += 1;
    });
  };
  await inWorld('session', (world, clientId, value) => {
    const client = restoreSession(core, world, clientId, value);
    if (client?.principal.rules === NO_TOPICS) orphans += 1;
    return client !== null;
  });
  let subscriptions = 0;
  await inWorld('subscription', (world, rest, value) => {
    const [clientId = '', filter = ''] = rest.split('\0');
    const client = world.clients.get(clientId);
    if (client === undefined) return false;
    restoreSubscription(core, client, filter, JSON.parse(Buffer.from(value).toString()) as Subscription);
    subscriptions += 1;
    return true;
  });
  await restoreExchanges(core, stop);
  await inWorld('retained', (world, _topic, value) => {
    const message = decodeMessage(Buffer.from(value), 0, core.expiry);
    if (!isExpired(core, message)) addRetained(world, message);
    return true;
  });
  const all = [...core.worlds.values()];
  const retained = all.reduce((sum, world) => sum + world.retained.size, 0);
  const sessions = all.reduce((sum, world) => sum + world.clients.size, 0);
  return { sessions, subscriptions, queued: core.queuedInAll, retained, orphans, leftOut };
}

function restoreSession(core: BrokerCore, world: World, clientId: string, value: Uint8Array): Client | null {
  const record = decodeSession(value);
  if (record === null) return null;
  const who = { ...record.principal, world: world.name };
  const principal = core.access.principalOf?.(who, clientId) ?? { ...who, rules: NO_TOPICS };
  const queue = core.durable.openQueue(`${world.number}/${clientId}`);
  const session = new Session<QueueEntry>(clientId, record.version);
  const client = new Client(world, session, principal, { store: core.durable, queue, persistent: true });
  restoreTimes(core, client, record);
  world.clients.set(clientId, client);
  return client;
}

/** Of somebody who is not known any more. */
const NO_TOPICS: TopicRules = {
  all: false,
  mayPublish: () => false,
  maySubscribe: () => 'no',
  mayReceive: () => false,
};

/** A session that was connected when the process ended is away since now. */
function restoreTimes(core: BrokerCore, client: Client, record: SessionRecord): void {
  const nowMs = core.clock.monotonicMs();
  const { away, expiryS } = record;
  client.expiryS = expiryS;
  client.connectedAtUs = record.connectedAtUs;
  client.disconnectedAtUs = away?.sinceUs ?? core.clock.wallMicros();
  client.will = record.will && willOf(record.will);
  if (away === null) {
    const keptMs = expiryS === null ? Number.POSITIVE_INFINITY : expiryS * 1000;
    client.endsAtMs = nowMs + keptMs;
    if (client.will) client.willAtMs = nowMs + Math.min(client.will.delayS * 1000, keptMs);
    return;
  }
  client.endsAtMs = away.endsAtUs === null ? Number.POSITIVE_INFINITY : core.expiry.toMonotonicMs(away.endsAtUs);
  client.willAtMs = record.willAtUs === null ? null : core.expiry.toMonotonicMs(record.willAtUs);
}

function restoreSubscription(core: BrokerCore, client: Client, filter: string, kept: Subscription): void {
  const subscription = newSubscribed(kept);
  client.session.subscriptions.set(filter, subscription);
  countFilter(client, filter);
  if (isShared(filter)) join(core, client, filter, parseSubscription(filter).filter, subscription);
  else client.world.subscriptions.add(filter, client, subscription);
}

/** Puts together what each session had in flight, and where each queue goes on. */
async function restoreExchanges(core: BrokerCore, stop: AbortSignal | undefined): Promise<void> {
  const byQueue = new Map<QueueId, Client>();
  const released = new Map<QueueId, Record<ExchangeKind, number[]>>();
  for (const world of core.worlds.values())
    for (const client of world.clients.values()) byQueue.set(client.queue, client);
  await inSteps(core.meter, stop, core.durable.entries('exchange'), ([key]) => {
    const [queue, kind, id] = key.split('/') as [string, ExchangeKind, string];
    const known = released.get(Number(queue)) ?? { received: [], releasing: [] };
    released.set(Number(queue), known);
    known[kind].push(Number(id));
  });
  const shared = new Map<Client, (InFlight & { queue: QueueId })[]>();
  for (const world of core.worlds.values()) {
    for (const group of world.groups.byName.values()) {
      const away = restoreGroup(core, group, byQueue);
      for (const flight of away) {
        const client = byQueue.get(flight.holder) as Client;
        shared.set(client, [...(shared.get(client) ?? []), { ...flight, queue: group.queue }]);
      }
    }
  }
  for (const client of byQueue.values()) {
    const own = core.durable.inFlight(client.queue);
    const { received = [], releasing = [] } = released.get(client.queue) ?? {};
    client.session.restoreReceived(received);
    const others = shared.get(client) ?? [];
    if (own.length + others.length + releasing.length > 0) client.frozen = { own, shared: others, releasing };
    countRestored(core, client);
    client.cursor = own.at(-1)?.number ?? 0;
    client.live = false;
    client.tail = client.cursor + 1; // whatever waits: it reads on to the end before it is live
  }
}

/** Returns what is in flight to members; the rest up to there belongs to nobody any more and goes first. */
function restoreGroup(core: BrokerCore, group: Group, byQueue: ReadonlyMap<QueueId, Client>): readonly InFlight[] {
  const flights = core.durable.inFlight(group.queue).filter(({ holder }) => byQueue.has(holder));
  countRestored(core, group);
  group.cursor = flights.at(-1)?.number ?? 0;
  group.live = false;
  const held = new Set(flights.map(({ number }) => number));
  void giveRestBack(core, group, held, group.cursor);
  return flights;
}

async function giveRestBack(core: BrokerCore, group: Group, held: ReadonlySet<number>, last: number): Promise<void> {
  for (let after = 0; after < last; ) {
    const page = await group.store.read(group.queue, after, PAGE_ENTRIES, PAGE_BYTES);
    if (page.length === 0) break;
    for (const entry of page) if (entry.number <= last && !held.has(entry.number)) group.giveBack(entry);
    after = page.at(-1)?.number ?? last;
  }
  wakeGroup(core, group);
}

async function inSteps(
  meter: TurnMeter,
  stop: AbortSignal | undefined,
  rows: AsyncIterable<Row>,
  take: (row: Row) => void,
): Promise<void> {
  stop?.throwIfAborted();
  let taken = 0;
  for await (const row of rows) {
    if (meter.work !== 'restore') meter.begin('restore');
    take(row);
    taken += 1;
    if (taken % STEP > 0) continue;
    await new Promise((resolve) => setImmediate(resolve));
    stop?.throwIfAborted();
  }
}

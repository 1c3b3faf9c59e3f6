import { type Exchange, InflightState } from '../../session/index.ts';
import type { InFlight, QueueEntry, QueueId } from '../../store/index.ts';
import type { Client } from '../client.ts';
import type { BrokerCore } from '../core.ts';
import type { Group } from '../group.ts';
import { takeOff } from '../groups.ts';
import { wakeGroup } from '../share-out.ts';

/** What was in flight to a session when the process ended. It stays on disk until the session is connected again. */
export type Frozen = {
  /** Entries of its own queue, oldest first. */
  readonly own: readonly InFlight[];
  /** Entries of the queues of shared subscriptions. */
  readonly shared: readonly (InFlight & { readonly queue: QueueId })[];
  /** Identifiers of QoS 2 whose PUBREL is owed. */
  readonly releasing: readonly number[];
};

const PAGE_ENTRIES = 256;
const PAGE_BYTES = 1024 * 1024;

/** Reads what was in flight back into the session, under the identifiers that it had [MQTT-4.4.0-1]. */
export async function thaw(core: BrokerCore, client: Client): Promise<void> {
  const { frozen } = client;
  if (frozen === null) return;
  const exchanges: Exchange<QueueEntry>[] = frozen.releasing.map((id) => ({
    id,
    state: InflightState.awaitsPubcomp,
    entry: null,
  }));
  await readOwn(client, frozen.own, exchanges);
  for (const { queue, ...flight } of frozen.shared) {
    const entry = await readShared(client.world.groups.byQueue.get(queue), flight.number);
    if (entry) exchanges.push(exchangeOf(flight, memberEntry(client, queue, entry, flight.qos)));
  }
  // Another connection of the session may have been quicker, or the session is over.
  if (client.frozen !== frozen) return;
  client.frozen = null;
  client.session.inflight.restore(exchanges);
  core.logger.debug({ client: client.name, inFlight: exchanges.length }, 'what was in flight is sent again');
}

async function readOwn(client: Client, own: readonly InFlight[], exchanges: Exchange<QueueEntry>[]): Promise<void> {
  const wanted = new Map(own.map((flight) => [flight.number, flight]));
  const last = own.at(-1)?.number ?? 0;
  for (let after = (own[0]?.number ?? 0) - 1; after < last; ) {
    const page = await client.store.read(client.queue, after, PAGE_ENTRIES, PAGE_BYTES);
    if (page.length === 0) return;
    for (const entry of page) {
      const flight = wanted.get(entry.number);
      if (flight) exchanges.push(exchangeOf(flight, entry));
    }
    after = page.at(-1)?.number ?? last;
  }
}

async function readShared(group: Group | undefined, number: number): Promise<QueueEntry | null> {
  const [entry] = group ? await group.store.read(group.queue, number - 1, 1, PAGE_BYTES) : [];
  return entry?.number === number ? entry : null;
}

/** The entry as it went to this member; one that has left the group gets it as it is. */
function memberEntry(client: Client, queue: QueueId, entry: QueueEntry, qos: 1 | 2): QueueEntry {
  const member = client.world.groups.byQueue.get(queue)?.members.get(client);
  return { ...entry, target: { ...(member?.target ?? entry.target), queue, maxQos: qos } };
}

function exchangeOf({ packetId, qos }: InFlight, entry: QueueEntry): Exchange<QueueEntry> {
  return { id: packetId, state: qos === 1 ? InflightState.awaitsPuback : InflightState.awaitsPubrec, entry };
}

/** The session is over before it was connected again: what it had of shared subscriptions goes back to them [MQTT-4.8.2-5]. */
export async function giveFrozenBack(core: BrokerCore, client: Client): Promise<void> {
  const shared = client.frozen?.shared ?? [];
  client.frozen = null;
  for (const { queue, number, qos } of shared) {
    const group = client.world.groups.byQueue.get(queue);
    const entry = await readShared(group, number);
    if (group === undefined || group.gone || entry === null) continue;
    if (qos === 1) group.giveBack(entry);
    else takeOff(core, group, entry, false);
    wakeGroup(core, group);
  }
}

import type { Client } from './client.ts';
import type { BrokerCore } from './core.ts';
import type { ClientInfo } from './facade.ts';
import { isOfGroup } from './group.ts';
import { sharedBy } from './takeovers.ts';

/** The first sessions of a world: of a hundred thousand nobody reads all. */
export function clientInfos(core: BrokerCore, name: string, most = Number.POSITIVE_INFINITY): readonly ClientInfo[] {
  const nowMs = core.clock.monotonicMs();
  const infos: ClientInfo[] = [];
  for (const client of core.worlds.get(name)?.clients.values() ?? []) {
    if (infos.length >= most) break;
    infos.push(clientInfo(client, nowMs));
  }
  return infos;
}

/** A session as people see it, at a monotonic time. */
function clientInfo(client: Client, nowMs: number): ClientInfo {
  const { session, connection } = client;
  const remote = connection?.wire.remote;
  return {
    clientId: session.clientId,
    connected: connection !== null,
    version: session.version,
    address: remote?.address ?? '',
    transport: remote?.transport ?? '',
    principal: client.principal.name,
    principalKind: client.principal.kind,
    connectedAtUs: client.connectedAtUs,
    disconnectedAtUs: client.disconnectedAtUs,
    keepAliveS: client.keepAliveS,
    expiryS: client.expiryS,
    subscriptions: [...session.subscriptions].map(([filter, { qos }]) => ({ filter, qos })),
    inFlight: session.inflight.count + frozenCount(client),
    queued: client.persistent ? Math.max(0, client.queued - ownInFlight(client)) : client.queued,
    messagesIn: client.messagesIn,
    messagesOut: client.messagesOut,
    bytesIn: client.bytesIn,
    bytesOut: client.bytesOut,
    dropped: client.dropped,
    takeovers: client.takeovers?.count ?? 0,
    sharedBy: sharedBy(client.takeovers, nowMs),
    expired: client.expired,
  };
}

function frozenCount({ frozen }: Client): number {
  return frozen === null ? 0 : frozen.own.length + frozen.shared.length + frozen.releasing.length;
}

/** What it got from a group is in the group's queue, not in its own. */
function ownInFlight(client: Client): number {
  const { inflight } = client.session;
  if (client.frozen !== null) return client.frozen.own.length;
  if (client.groups === null) return inflight.count;
  let own = 0;
  for (const [, , entry] of inflight.inOrder()) if (entry === null || !isOfGroup(client, entry)) own += 1;
  return own;
}

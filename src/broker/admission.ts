import type { Connect } from '../codec/index.ts';
import type { Client } from './client.ts';
import type { Connection } from './connection.ts';
import type { BrokerCore } from './core.ts';
import type { World } from './world.ts';

const NEVER = 0xffffffff;

/** Why a namespace takes no more connections, or null. Whoever takes over from another connection is none more. */
export function namespaceFull(core: BrokerCore, world: World, holder: Client | undefined): string | null {
  if (holder?.connection || world.connected < core.limits.maxConnectionsPerNamespace) return null;
  core.reached.maxConnectionsPerNamespace += 1;
  return 'the limit of connections of its namespace is reached';
}

/** A client is signed in: its transport hears of it, its publishes have a rate where one is set, and what was cut is counted. */
export function signedIn(core: BrokerCore, connection: Connection, packet: Connect): void {
  connection.wire.signedIn?.();
  if (connection.client !== null) connection.rate = core.rates.of(connection.client);
  if (packet.version < 5) return;
  const { limits, reached } = core;
  const { topicAliasMaximum = 0, sessionExpiryInterval = 0 } = packet.properties;
  if (topicAliasMaximum > limits.maxOutgoingAliases) reached.maxOutgoingAliases += 1;
  if (connection.keepAliveMs !== packet.keepAlive * 1500) reached.maxKeepAliveS += 1;
  if (sessionExpiryInterval > limits.maxSessionExpiryS || sessionExpiryInterval === NEVER)
    reached.maxSessionExpiryS += 1;
}

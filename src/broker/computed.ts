import { EMPTY_PROPERTIES, encodePacket, type Properties } from '../codec/index.ts';
import { filterMatches } from '../topics/index.ts';
import type { Client } from './client.ts';
import type { Connection } from './connection.ts';
import type { BrokerCore } from './core.ts';
import { countFilterGone } from './filter-cost.ts';
import type { ComputedTopics, Viewer } from './hooks.ts';

/** Who makes the topics of a filter, or undefined: then they are ordinary ones. */
export function computedFor(core: BrokerCore, filter: string): ComputedTopics | undefined {
  return core.computed.find(({ prefix }) => filter.startsWith(prefix) || filter === prefix.slice(0, -1));
}

/** The connection as a reader of computed topics; made with its first one. */
export function viewerOf(core: BrokerCore, connection: Connection, client: Client): Viewer {
  connection.viewer ??= {
    world: client.world.number,
    principal: client.principal,
    local: connection.wire.remote.local,
    send: (topic, payload, retained = false) => send(core, connection, client, topic, payload, retained),
  };
  return connection.viewer;
}

/** A session goes on with another connection: its computed topics too. What stands already is not sent again. */
export function resumeComputed(core: BrokerCore, connection: Connection, client: Client): void {
  if (client.computed === null) return;
  const viewer = viewerOf(core, connection, client);
  for (const filter of client.computed.keys()) {
    if (computedFor(core, filter)?.subscribe(viewer, filter, false) === 'granted') continue;
    client.computed.delete(filter);
    countFilterGone(client, filter);
  }
}

function send(
  core: BrokerCore,
  connection: Connection,
  client: Client,
  topic: string,
  payload: Uint8Array,
  retain: boolean,
): boolean {
  if (connection.state !== 'open' || connection.output.bytes > VIEWER_BEHIND_BYTES) return false;
  const bytes = encodePacket(
    {
      type: 'publish',
      topic,
      payload: Buffer.from(payload.buffer, payload.byteOffset, payload.byteLength),
      qos: 0,
      retain,
      dup: false,
      packetId: -1,
      properties: propertiesFor(core, connection, client, topic),
    },
    connection.version,
  );
  const { counters } = connection;
  if (bytes.length > connection.maxPacketBytes) {
    client.dropped += 1;
    counters.dropped += 1;
    return true; // done with, as if it had been delivered [MQTT-3.1.2-25]
  }
  connection.sendEncoded(bytes);
  client.messagesOut += 1;
  counters.messagesOut += 1;
  counters.payloadBytesOut += payload.length;
  return true;
}

/** The identifiers of all subscriptions that match [MQTT-3.3.4-3, MQTT-3.3.4-4]. */
function propertiesFor(core: BrokerCore, connection: Connection, client: Client, topic: string): Properties {
  if (connection.version !== 5 || client.computed === null) return EMPTY_PROPERTIES;
  const wildcards = computedFor(core, topic)?.wildcards === true;
  const found: number[] = [];
  for (const [filter, identifier] of client.computed) {
    if (identifier === null) continue;
    if (filter === topic || (wildcards && filterMatches(filter, topic))) found.push(identifier);
  }
  return found.length === 0 ? EMPTY_PROPERTIES : { subscriptionIdentifiers: found };
}

/** A viewer with this much waiting for it skips frames. */
const VIEWER_BEHIND_BYTES = 256 * 1024;

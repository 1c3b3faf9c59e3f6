import type * as theirs from 'mqtt-packet';
import type { Packet } from '../packet.ts';
import type { QoS, Version } from '../packet-type.ts';
import { EMPTY_PROPERTIES, type Properties } from '../properties.ts';
import { connackReturnCode, reasonOfReturnCode } from '../reason.ts';

/** Our packets in the form of npm's `mqtt-packet` 9 and back, to check the two codecs against each other. */

// Their types leave out fields that their code has, so this file speaks to them in plain objects.
type Loose = Record<string, unknown>;

/** Our packet as they want it. */
export function toTheirs(packet: Packet, version: Version): theirs.Packet {
  return { cmd: packet.type, ...fieldsOf(packet, version) } as unknown as theirs.Packet;
}

function fieldsOf(packet: Packet, version: Version): Loose {
  const properties = version === 5 && 'properties' in packet ? propertiesToTheirs(packet.properties) : undefined;
  switch (packet.type) {
    case 'connect': {
      const { will, username, password } = packet;
      return {
        protocolId: version === 3 ? 'MQIsdp' : 'MQTT',
        protocolVersion: version,
        bridgeMode: packet.bridge,
        clientId: packet.clientId,
        clean: packet.clean,
        keepalive: packet.keepAlive,
        ...(username === null ? {} : { username }),
        ...(password === null ? {} : { password }),
        ...(will === null ? {} : { will: { ...will, properties: propertiesToTheirs(will.properties) } }),
        properties,
      };
    }
    case 'connack': {
      const code = version === 5 ? { reasonCode: packet.reason } : { returnCode: connackReturnCode(packet.reason) };
      return { sessionPresent: packet.sessionPresent, ...code, properties };
    }
    case 'publish': {
      const { topic, payload, qos, retain, dup, packetId } = packet;
      return { topic, payload, qos, retain, dup, ...(qos === 0 ? {} : { messageId: packetId }), properties };
    }
    case 'subscribe': {
      const subscriptions = packet.subscriptions.map((entry) => ({
        topic: entry.filter,
        qos: entry.qos,
        nl: entry.noLocal,
        rap: entry.retainAsPublished,
        rh: entry.retainHandling,
      }));
      return { messageId: packet.packetId, subscriptions, properties };
    }
    case 'suback':
    case 'unsuback':
      return { messageId: packet.packetId, granted: packet.reasons, properties };
    case 'unsubscribe':
      return { messageId: packet.packetId, unsubscriptions: packet.filters, properties };
    case 'puback':
    case 'pubrec':
    case 'pubrel':
    case 'pubcomp':
      return { messageId: packet.packetId, reasonCode: packet.reason, properties };
    case 'disconnect':
    case 'auth':
      return { reasonCode: packet.reason, properties };
    case 'pingreq':
    case 'pingresp':
      return {};
  }
}

function propertiesToTheirs(properties: Properties): Loose {
  const { payloadFormatIndicator, subscriptionIdentifiers, userProperties, ...same } = properties;
  const out: Loose = { ...same };
  if (payloadFormatIndicator !== undefined) out['payloadFormatIndicator'] = payloadFormatIndicator === 1;
  if (subscriptionIdentifiers !== undefined) out['subscriptionIdentifier'] = subscriptionIdentifiers;
  if (userProperties !== undefined) {
    // Without a prototype, or a property named __proto__ would be lost.
    const byName: Record<string, string[]> = Object.create(null);
    for (const [name, value] of userProperties) byName[name] = [...(byName[name] ?? []), value];
    out['userProperties'] = byName;
  }
  return out;
}

/** Their packet as we would have decoded it. */
export function fromTheirs(packet: theirs.Packet, version: Version): Packet {
  const p = packet as unknown as Loose;
  const properties = propertiesFromTheirs(p['properties'] as Loose | undefined);
  const packetId = p['messageId'] as number;
  const reason = (p['reasonCode'] ?? 0) as number;
  switch (packet.cmd) {
    case 'connect': {
      const will = p['will'] as (Loose & { topic: string; payload: Buffer; qos: QoS; retain: boolean }) | undefined;
      return {
        type: 'connect',
        version,
        bridge: p['bridgeMode'] === true,
        clientId: packet.clientId,
        clean: packet.clean === true,
        keepAlive: packet.keepalive ?? 0,
        username: packet.username ?? null,
        password: packet.password ?? null,
        will:
          will === undefined
            ? null
            : { ...will, properties: propertiesFromTheirs(will['properties'] as Loose | undefined) },
        properties,
      };
    }
    case 'connack': {
      const code = version === 5 ? reason : reasonOfReturnCode(packet.returnCode ?? -1);
      return { type: 'connack', sessionPresent: packet.sessionPresent, reason: code, properties };
    }
    case 'publish': {
      const { topic, qos, retain, dup } = packet;
      const payload = packet.payload as Buffer;
      return { type: 'publish', topic, payload, qos, retain, dup, packetId: qos === 0 ? -1 : packetId, properties };
    }
    case 'subscribe': {
      const subscriptions = packet.subscriptions.map((entry) => ({
        filter: entry.topic,
        qos: entry.qos,
        noLocal: entry.nl ?? false,
        retainAsPublished: entry.rap ?? false,
        retainHandling: (entry.rh ?? 0) as 0 | 1 | 2,
      }));
      return { type: 'subscribe', packetId, subscriptions, properties };
    }
    case 'suback':
    case 'unsuback':
      return { type: packet.cmd, packetId, reasons: (p['granted'] ?? []) as number[], properties };
    case 'unsubscribe':
      return { type: 'unsubscribe', packetId, filters: packet.unsubscriptions, properties };
    case 'puback':
    case 'pubrec':
    case 'pubrel':
    case 'pubcomp':
      return { type: packet.cmd, packetId, reason, properties };
    case 'disconnect':
    case 'auth':
      return { type: packet.cmd, reason, properties };
    case 'pingreq':
    case 'pingresp':
      return { type: packet.cmd };
  }
}

function propertiesFromTheirs(properties: Loose | undefined): Properties {
  if (properties === undefined) return EMPTY_PROPERTIES;
  const { payloadFormatIndicator, subscriptionIdentifier, userProperties, ...same } = properties;
  const out: Loose = { ...same };
  if (payloadFormatIndicator !== undefined) out['payloadFormatIndicator'] = payloadFormatIndicator === true ? 1 : 0;
  if (subscriptionIdentifier !== undefined) out['subscriptionIdentifiers'] = [subscriptionIdentifier].flat();
  if (userProperties !== undefined) {
    const pairs = Object.entries(userProperties as Record<string, string | string[]>);
    out['userProperties'] = pairs.flatMap(([name, values]) => [values].flat().map((value) => [name, value]));
  }
  return out as Properties;
}

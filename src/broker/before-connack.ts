import type { Packet } from '../codec/index.ts';
import { connectVersion, decodePacket, PacketType, ProtocolFault, packetName, Reason } from '../codec/index.ts';
import type { Connection } from './connection.ts';
import type { BrokerCore } from './core.ts';
import { mistakenFor, TOO_LONG_FOR_ONE_BYTE, tellHint } from './hints.ts';
import { MAX_AUTH_BYTES } from './limits.ts';

/** The largest packet of this type before the client is known; throws a ProtocolFault for one that may not come yet. */
export function limitBeforeConnack(core: BrokerCore, connection: Connection, firstByte: number, size: number): number {
  const type = firstByte >> 4;
  if (connection.state === 'exchanging') {
    if (type === PacketType.AUTH || type === PacketType.DISCONNECT) return MAX_AUTH_BYTES;
    throw new ProtocolFault(
      Reason.protocolError,
      `${packetName(type)} before CONNACK, while the client is asked who it is [MQTT-3.1.2-30]`,
    );
  }
  const mistaken = mistakenFor(firstByte, size);
  if (type === PacketType.CONNECT && mistaken === '') {
    return Math.min(core.limits.maxConnectBytes, connection.maxReceivedBytes);
  }
  throw new ProtocolFault(
    Reason.protocolError,
    `the first packet is ${packetName(type)}, not CONNECT [MQTT-3.1.0-1]${mistaken}`,
  );
}

/** CONNECT, or what belongs to the exchange that follows it: AUTH, or a client that gives up. */
export function packetBeforeConnack(
  core: BrokerCore,
  connection: Connection,
  buffer: Buffer,
  firstByte: number,
  bodyStart: number,
  bodyEnd: number,
): void {
  if (connection.state === 'exchanging') {
    connection.counters.otherPacketsIn += 1;
    const packet = decodePacket(buffer, firstByte, bodyStart, bodyEnd, connection.version);
    if (packet.type === 'auth') core.auth(connection, packet);
    else connection.finish(); // DISCONNECT: it gives up
    return;
  }
  connection.counters.connects += 1;
  connection.counters.otherPacketsIn += 1;
  connection.sawConnect = firstByte >> 4 === PacketType.CONNECT;
  // Known before the rest is read, so that a refusal is in the form that the client understands.
  connection.version = connectVersion(buffer, bodyStart, bodyEnd) ?? 4;
  const packet = decodeConnect(core, connection, buffer, firstByte, bodyStart, bodyEnd);
  if (packet.type !== 'connect') throw new ProtocolFault(Reason.protocolError, 'the first packet is not CONNECT');
  connection.version = packet.version;
  connection.state = 'authenticating';
  core.connect(connection, packet);
}

function decodeConnect(
  core: BrokerCore,
  connection: Connection,
  buffer: Buffer,
  firstByte: number,
  bodyStart: number,
  bodyEnd: number,
): Packet {
  if (!connection.shortConnect) return decodePacket(buffer, firstByte, bodyStart, bodyEnd, connection.version);
  try {
    const packet = decodePacket(buffer, firstByte, bodyStart, bodyEnd, connection.version);
    tellHint(core, connection, 'shortConnect', packet.type === 'connect' ? packet.clientId : connection.name);
    return packet;
  } catch (error) {
    if (!(error instanceof ProtocolFault)) throw error;
    throw new ProtocolFault(error.reason, `${error.message}; ${TOO_LONG_FOR_ONE_BYTE}`);
  }
}

/** Whether a broken CONNECT is answered: else the connection ends without a word [MQTT-3.1.4-1]. */
export function isAnsweredByConnack(connection: Connection, reason: number): boolean {
  return connection.sawConnect && (connection.version === 5 || RETURN_CODES_OF_FAULTS.has(reason));
}

/** Faults of a CONNECT that 3.x has a return code for. */
const RETURN_CODES_OF_FAULTS: ReadonlySet<number> = new Set([
  Reason.unsupportedProtocolVersion,
  Reason.clientIdentifierNotValid,
]);

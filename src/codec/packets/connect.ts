import { readProperties } from '../decode-properties.ts';
import { encodeProperties } from '../encode-properties.ts';
import type { Connect, Will } from '../packet.ts';
import { PacketType, type QoS, type Version } from '../packet-type.ts';
import { ProtocolFault, protocolError } from '../protocol-fault.ts';
import { Reader } from '../reader.ts';
import { Reason } from '../reason.ts';
import { Writer } from '../writer.ts';

const RESERVED = 0x01;
const CLEAN = 0x02;
const WILL = 0x04;
const WILL_QOS_SHIFT = 3;
const WILL_QOS = 0x18;
const WILL_RETAIN = 0x20;
const PASSWORD = 0x40;
const USERNAME = 0x80;
/** Set in the protocol level by a bridge of 3.x; outside the standard, but Mosquitto's do so. 5.0 has options instead. */
const BRIDGE = 0x80;

/** Decodes the body of a CONNECT, which says itself which version it speaks. */
export function decodeConnect(buf: Buffer, start: number, end: number): Connect {
  const reader = new Reader(buf, start, end, 'CONNECT');
  const name = reader.utf8('the protocol name');
  const level = reader.u8('the protocol level');
  const version = versionOf(name, level);
  if (version === null) throw unsupported(name, level);

  const flags = reader.u8('the connect flags');
  checkConnectFlags(reader, flags, version);
  const keepAlive = reader.u16('the keep alive');
  const properties = readProperties(reader, 'connect', version);
  if (properties.authenticationData !== undefined && properties.authenticationMethod === undefined) {
    throw protocolError('CONNECT: authentication data without an authentication method (MQTT 3.1.2.11.10)');
  }

  // [MQTT-3.1.3-1]: client identifier, will properties, will topic, will payload, user name, password
  const clientId = reader.utf8('the client identifier'); // [MQTT-3.1.3-3], [MQTT-3.1.3-4]
  const will = (flags & WILL) === 0 ? null : readWill(reader, flags, version); // [MQTT-3.1.2-9]
  const username = present(reader, flags, USERNAME, version) ? reader.utf8('the user name') : null; // [MQTT-3.1.2-17] [MQTT-3.1.3-12]
  const password = present(reader, flags, PASSWORD, version) ? reader.binary('the password') : null; // [MQTT-3.1.2-19]
  reader.finish(); // [MQTT-3.1.2-16], [MQTT-3.1.2-18]

  return {
    type: 'connect',
    version,
    bridge: (level & BRIDGE) !== 0,
    clientId,
    clean: (flags & CLEAN) !== 0,
    keepAlive,
    username,
    password,
    will,
    properties,
  };
}

/**
 * The version that the CONNECT in buf[start..end) asks for, or null when it is none of ours or not to be read. For the
 * answer to a CONNECT that decodePacket refused: the CONNACK must have the form that the client knows.
 */
export function connectVersion(buf: Buffer, start: number, end: number): Version | null {
  if (end - start < 7) return null;
  const nameEnd = start + 2 + buf.readUInt16BE(start);
  if (nameEnd - start > 8 || nameEnd >= end) return null;
  const level = buf[nameEnd]!;
  if (level === (5 | BRIDGE)) return 5; // refused, in the form of 5.0
  return versionOf(buf.toString('latin1', start + 2, nameEnd), level);
}

export function encodeConnect(packet: Connect): Buffer {
  const { version, will, username, password } = packet;
  const writer = new Writer('CONNECT');
  if (version < 5 && password !== null && username === null) {
    throw writer.refusal('a password without a user name'); // 3.1.1 [MQTT-3.1.2-22]
  }
  if (version === 5 && packet.bridge) throw writer.refusal("a bridge's bit in 5.0 [MQTT-3.1.2-2]");
  writer.utf8(version === 3 ? 'MQIsdp' : 'MQTT', 'the protocol name');
  writer.u8(version | (packet.bridge ? BRIDGE : 0), 'the protocol level');
  let flags = packet.clean ? CLEAN : 0;
  if (will !== null) flags |= WILL | (will.qos << WILL_QOS_SHIFT) | (will.retain ? WILL_RETAIN : 0);
  if (username !== null) flags |= USERNAME;
  if (password !== null) flags |= PASSWORD;
  writer.u8(flags, 'the connect flags');
  writer.u16(packet.keepAlive, 'the keep alive');
  if (version === 5) writer.bytes(encodeProperties(packet.properties, 'connect'));
  writer.utf8(packet.clientId, 'the client identifier');
  if (will !== null) {
    if (version === 5) writer.bytes(encodeProperties(will.properties, 'will'));
    writer.utf8(will.topic, 'the will topic');
    writer.binary(will.payload, 'the will payload');
  }
  if (username !== null) writer.utf8(username, 'the user name');
  if (password !== null) writer.binary(password, 'the password');
  return writer.packetWith(PacketType.CONNECT << 4);
}

function versionOf(name: string, level: number): Version | null {
  if (name === 'MQTT' && level === 5) return 5; // [MQTT-3.1.2-1], [MQTT-3.1.2-2]
  const version = level & ~BRIDGE;
  if (name === 'MQTT' && version === 4) return 4;
  return name === 'MQIsdp' && version === 3 ? 3 : null;
}

function unsupported(name: string, level: number): ProtocolFault {
  const shown = JSON.stringify(name.slice(0, 16));
  return new ProtocolFault(
    Reason.unsupportedProtocolVersion,
    `CONNECT: the protocol is ${shown} level ${level}; known are MQIsdp 3, MQTT 4 and MQTT 5 [MQTT-3.1.2-1] [MQTT-3.1.2-2]`,
  );
}

function checkConnectFlags(reader: Reader, flags: number, version: Version): void {
  // 3.1 does not use the reserved bit and does not ask for its value
  if ((flags & RESERVED) !== 0 && version > 3) throw reader.fault('reserved flag is set [MQTT-3.1.2-3]');
  if ((flags & WILL_QOS) === WILL_QOS) throw reader.fault('will QoS is 3 [MQTT-3.1.2-12]');
  if ((flags & WILL) === 0 && (flags & WILL_QOS) !== 0) throw reader.fault('will QoS without a will [MQTT-3.1.2-11]');
  if ((flags & WILL) === 0 && (flags & WILL_RETAIN) !== 0) {
    throw reader.fault('will retain without a will [MQTT-3.1.2-13]');
  }
  if (version < 5 && (flags & PASSWORD) !== 0 && (flags & USERNAME) === 0) {
    throw reader.fault('a password without a user name (3.1.1 [MQTT-3.1.2-22])'); // MQTT 5 allows it
  }
}

function readWill(reader: Reader, flags: number, version: Version): Will {
  const properties = readProperties(reader, 'will', version);
  const topic = reader.utf8('the will topic'); // [MQTT-3.1.3-11]
  const payload = reader.binary('the will payload');
  const qos = ((flags & WILL_QOS) >> WILL_QOS_SHIFT) as QoS;
  return { topic, payload, qos, retain: (flags & WILL_RETAIN) !== 0, properties };
}

/** In 3.1 the remaining length wins over the flags: a user name or password may be announced and missing (MQTT 3.1, 3.1). */
function present(reader: Reader, flags: number, flag: number, version: Version): boolean {
  return (flags & flag) !== 0 && !(version === 3 && reader.left === 0);
}

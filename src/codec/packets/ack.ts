import { readAck } from '../ack-view.ts';
import { readProperties } from '../decode-properties.ts';
import { encodeProperties } from '../encode-properties.ts';
import { firstByteOf } from '../fixed-header.ts';
import type { Puback, Pubcomp, Pubrec, Pubrel } from '../packet.ts';
import { PacketType, packetName, type Version } from '../packet-type.ts';
import { EMPTY_PROPERTIES } from '../properties.ts';
import { Reader } from '../reader.ts';
import { Writer } from '../writer.ts';

/** The four packets that answer a PUBLISH: one form on the wire, so one file (MQTT 3.4 to 3.7). */
export type AckPacket = Puback | Pubrec | Pubrel | Pubcomp;

const kinds = {
  [PacketType.PUBACK]: 'puback',
  [PacketType.PUBREC]: 'pubrec',
  [PacketType.PUBREL]: 'pubrel',
  [PacketType.PUBCOMP]: 'pubcomp',
} as const;

const types = {
  puback: PacketType.PUBACK,
  pubrec: PacketType.PUBREC,
  pubrel: PacketType.PUBREL,
  pubcomp: PacketType.PUBCOMP,
} as const;

/** Offset of the property length: packet identifier and reason code come before it. */
const PROPERTIES_AT = 3;

export function decodeAck(buf: Buffer, firstByte: number, start: number, end: number, version: Version): AckPacket {
  const type = (firstByte >> 4) as keyof typeof kinds;
  const view = { packetId: 0, reason: 0 };
  readAck(buf, firstByte, start, end, version, view);
  const kind = kinds[type];
  const hasProperties = end - start > PROPERTIES_AT;
  const reader = new Reader(buf, start + PROPERTIES_AT, end, packetName(type));
  const properties = hasProperties ? readProperties(reader, kind, version) : EMPTY_PROPERTIES;
  return { type: kind, packetId: view.packetId, reason: view.reason, properties };
}

export function encodeAck(packet: AckPacket, version: Version): Buffer {
  const type = types[packet.type];
  const writer = new Writer(packetName(type));
  writer.u16(packet.packetId, 'the packet identifier');
  if (version === 5) {
    const properties = encodeProperties(packet.properties, packet.type);
    const noProperties = properties.length === 1;
    // The 4-byte form is the only one that umqtt takes, and the shortest (MQTT 3.4.2.1).
    if (packet.reason !== 0 || !noProperties) writer.u8(packet.reason, 'the reason code');
    if (!noProperties) writer.bytes(properties);
  }
  return writer.packetWith(firstByteOf(type));
}

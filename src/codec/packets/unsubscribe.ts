import { readProperties } from '../decode-properties.ts';
import { encodeProperties } from '../encode-properties.ts';
import { firstByteOf } from '../fixed-header.ts';
import type { Unsubscribe } from '../packet.ts';
import { PacketType, type Version } from '../packet-type.ts';
import { protocolError } from '../protocol-fault.ts';
import { Reader } from '../reader.ts';
import { Writer } from '../writer.ts';
import { readPacketId, writePacketId } from './packet-id.ts';

/** Decodes an UNSUBSCRIBE. The shape of the filters is the topics room's business. */
export function decodeUnsubscribe(buf: Buffer, start: number, end: number, version: Version): Unsubscribe {
  const reader = new Reader(buf, start, end, 'UNSUBSCRIBE');
  const packetId = readPacketId(reader);
  const properties = readProperties(reader, 'unsubscribe', version);
  const filters: string[] = [];
  while (reader.left > 0) filters.push(reader.utf8('a topic filter')); // [MQTT-3.10.3-1]
  if (filters.length === 0) throw protocolError('UNSUBSCRIBE: no topic filter [MQTT-3.10.3-2]');
  return { type: 'unsubscribe', packetId, filters, properties };
}

export function encodeUnsubscribe(packet: Unsubscribe, version: Version): Buffer {
  const writer = new Writer('UNSUBSCRIBE');
  if (packet.filters.length === 0) throw writer.refusal('no topic filter [MQTT-3.10.3-2]');
  writePacketId(writer, packet.packetId);
  if (version === 5) writer.bytes(encodeProperties(packet.properties, 'unsubscribe'));
  for (const filter of packet.filters) writer.utf8(filter, 'a topic filter');
  return writer.packetWith(firstByteOf(PacketType.UNSUBSCRIBE));
}

import { readProperties } from '../decode-properties.ts';
import { encodeProperties } from '../encode-properties.ts';
import { firstByteOf } from '../fixed-header.ts';
import type { Suback } from '../packet.ts';
import { PacketType, type Version } from '../packet-type.ts';
import { protocolError } from '../protocol-fault.ts';
import { Reader } from '../reader.ts';
import { checkReason } from '../reason-check.ts';
import { Writer } from '../writer.ts';
import { readPacketId, writePacketId } from './packet-id.ts';

/** What 3.x says of a subscription that was refused, whatever the cause (3.1.1, 3.9.3). */
const FAILURE_OF_3_X = 0x80;

export function decodeSuback(buf: Buffer, start: number, end: number, version: Version): Suback {
  const reader = new Reader(buf, start, end, 'SUBACK');
  const packetId = readPacketId(reader);
  const properties = readProperties(reader, 'suback', version);
  if (reader.left === 0) throw protocolError('SUBACK: no reason code [MQTT-3.8.4-6]');
  const reasons: number[] = [];
  while (reader.left > 0) reasons.push(readReason(reader, version));
  return { type: 'suback', packetId, reasons, properties };
}

export function encodeSuback(packet: Suback, version: Version): Buffer {
  const writer = new Writer('SUBACK');
  writePacketId(writer, packet.packetId);
  if (version === 5) writer.bytes(encodeProperties(packet.properties, 'suback'));
  for (const reason of packet.reasons) {
    writer.u8(version < 5 && reason > FAILURE_OF_3_X ? FAILURE_OF_3_X : reason, 'a reason code');
  }
  return writer.packetWith(firstByteOf(PacketType.SUBACK));
}

function readReason(reader: Reader, version: Version): number {
  const reason = reader.u8('a reason code');
  checkReason(PacketType.SUBACK, reason); // [MQTT-3.9.3-2]
  if (version < 5 && reason > FAILURE_OF_3_X)
    throw protocolError(`SUBACK: return code ${reason} (3.1.1 [MQTT-3.9.3-2])`);
  return reason;
}

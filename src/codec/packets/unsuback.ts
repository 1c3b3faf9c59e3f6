import { readProperties } from '../decode-properties.ts';
import { encodeProperties } from '../encode-properties.ts';
import { firstByteOf } from '../fixed-header.ts';
import type { Unsuback } from '../packet.ts';
import { PacketType, type Version } from '../packet-type.ts';
import { protocolError } from '../protocol-fault.ts';
import { Reader } from '../reader.ts';
import { checkReason } from '../reason-check.ts';
import { Writer } from '../writer.ts';
import { readPacketId, writePacketId } from './packet-id.ts';

/** Decodes an UNSUBACK, which has no reason codes before MQTT 5. */
export function decodeUnsuback(buf: Buffer, start: number, end: number, version: Version): Unsuback {
  const reader = new Reader(buf, start, end, 'UNSUBACK');
  const packetId = readPacketId(reader);
  const properties = readProperties(reader, 'unsuback', version);
  const reasons: number[] = [];
  if (version === 5) {
    if (reader.left === 0) throw protocolError('UNSUBACK: no reason code [MQTT-3.11.3-1]');
    while (reader.left > 0) reasons.push(readReason(reader));
  }
  reader.finish();
  return { type: 'unsuback', packetId, reasons, properties };
}

export function encodeUnsuback(packet: Unsuback, version: Version): Buffer {
  const writer = new Writer('UNSUBACK');
  writePacketId(writer, packet.packetId);
  if (version === 5) {
    writer.bytes(encodeProperties(packet.properties, 'unsuback'));
    for (const reason of packet.reasons) writer.u8(reason, 'a reason code');
  }
  return writer.packetWith(firstByteOf(PacketType.UNSUBACK));
}

function readReason(reader: Reader): number {
  const reason = reader.u8('a reason code');
  checkReason(PacketType.UNSUBACK, reason); // [MQTT-3.11.3-2]
  return reason;
}

import { readProperties } from '../decode-properties.ts';
import { encodeProperties } from '../encode-properties.ts';
import { firstByteOf } from '../fixed-header.ts';
import type { Disconnect } from '../packet.ts';
import { PacketType, type Version } from '../packet-type.ts';
import { EMPTY_PROPERTIES } from '../properties.ts';
import { Reader } from '../reader.ts';
import { checkReason } from '../reason-check.ts';
import { Writer } from '../writer.ts';

/** Decodes a DISCONNECT: empty before MQTT 5, and in it each part may be left out from the end (MQTT 3.14.2.1, 3.14.2.2.1). */
export function decodeDisconnect(buf: Buffer, start: number, end: number, version: Version): Disconnect {
  const reader = new Reader(buf, start, end, 'DISCONNECT');
  let reason = 0;
  let properties = EMPTY_PROPERTIES;
  if (version === 5 && reader.left > 0) {
    reason = reader.u8('the reason code');
    checkReason(PacketType.DISCONNECT, reason); // [MQTT-3.14.2-1]
    if (reader.left > 0) properties = readProperties(reader, 'disconnect', version);
  }
  reader.finish();
  return { type: 'disconnect', reason, properties };
}

export function encodeDisconnect(packet: Disconnect, version: Version): Buffer {
  const writer = new Writer('DISCONNECT');
  if (version === 5) {
    const properties = encodeProperties(packet.properties, 'disconnect');
    const noProperties = properties.length === 1;
    if (packet.reason !== 0 || !noProperties) writer.u8(packet.reason, 'the reason code');
    if (!noProperties) writer.bytes(properties);
  }
  return writer.packetWith(firstByteOf(PacketType.DISCONNECT));
}

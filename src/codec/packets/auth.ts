import { readProperties } from '../decode-properties.ts';
import { encodeProperties } from '../encode-properties.ts';
import { firstByteOf } from '../fixed-header.ts';
import type { Auth } from '../packet.ts';
import { PacketType, type Version } from '../packet-type.ts';
import { EMPTY_PROPERTIES } from '../properties.ts';
import { malformed, protocolError } from '../protocol-fault.ts';
import { Reader } from '../reader.ts';
import { checkReason } from '../reason-check.ts';
import { Writer } from '../writer.ts';

/** Decodes an AUTH, which is new in MQTT 5. An empty one means success without properties (MQTT 3.15.2.1). */
export function decodeAuth(buf: Buffer, start: number, end: number, version: Version): Auth {
  if (version < 5) throw malformed('AUTH: packet type 15 is reserved before MQTT 5 (3.1.1, 2.2.1)');
  const reader = new Reader(buf, start, end, 'AUTH');
  if (reader.left === 0) return { type: 'auth', reason: 0, properties: EMPTY_PROPERTIES };
  const reason = reader.u8('the reason code');
  checkReason(PacketType.AUTH, reason); // [MQTT-3.15.2-1]
  const properties = readProperties(reader, 'auth', version);
  reader.finish();
  if (properties.authenticationMethod === undefined) {
    throw protocolError('AUTH: no authentication method (MQTT 3.15.2.2.2)');
  }
  return { type: 'auth', reason, properties };
}

export function encodeAuth(packet: Auth, version: Version): Buffer {
  const writer = new Writer('AUTH');
  if (version < 5) throw writer.refusal('is not known before MQTT 5');
  const properties = encodeProperties(packet.properties, 'auth');
  if (packet.reason !== 0 || properties.length > 1) {
    if (packet.properties.authenticationMethod === undefined) throw writer.refusal('no authentication method');
    writer.u8(packet.reason, 'the reason code');
    writer.bytes(properties);
  }
  return writer.packetWith(firstByteOf(PacketType.AUTH));
}

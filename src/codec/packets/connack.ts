import { readProperties } from '../decode-properties.ts';
import { encodeProperties } from '../encode-properties.ts';
import type { Connack } from '../packet.ts';
import { PacketType, type Version } from '../packet-type.ts';
import { protocolError } from '../protocol-fault.ts';
import { Reader } from '../reader.ts';
import { connackReturnCode, reasonOfReturnCode } from '../reason.ts';
import { checkReason } from '../reason-check.ts';
import { Writer } from '../writer.ts';

export function decodeConnack(buf: Buffer, start: number, end: number, version: Version): Connack {
  const reader = new Reader(buf, start, end, 'CONNACK');
  const flags = reader.u8('the acknowledge flags');
  // 3.1 calls the whole byte reserved and knows no session present
  if (flags > 1 && version > 3) throw reader.fault(`the acknowledge flags are ${flags} [MQTT-3.2.2-1]`);
  const sessionPresent = version > 3 && flags === 1;
  const code = reader.u8('the reason code');
  const reason = version === 5 ? code : reasonOfReturnCode(code);
  if (reason < 0) throw protocolError(`CONNACK: there is no return code ${code} (3.1.1 table 3.1)`);
  checkReason(PacketType.CONNACK, reason); // [MQTT-3.2.2-8]
  if (sessionPresent && reason !== 0) throw protocolError('CONNACK: a refusal with session present [MQTT-3.2.2-6]');
  const properties = readProperties(reader, 'connack', version);
  reader.finish();
  return { type: 'connack', sessionPresent, reason, properties };
}

export function encodeConnack(packet: Connack, version: Version): Buffer {
  const writer = new Writer('CONNACK');
  writer.u8(packet.sessionPresent && version > 3 ? 1 : 0, 'the acknowledge flags');
  writer.u8(version === 5 ? packet.reason : connackReturnCode(packet.reason), 'the reason code');
  if (version === 5) writer.bytes(encodeProperties(packet.properties, 'connack'));
  return writer.packetWith(PacketType.CONNACK << 4);
}

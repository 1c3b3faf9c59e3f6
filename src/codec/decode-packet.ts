import { checkFlags } from './fixed-header.ts';
import type { Packet } from './packet.ts';
import { PacketType, type Version } from './packet-type.ts';
import { decodeAck } from './packets/ack.ts';
import { decodeAuth } from './packets/auth.ts';
import { decodeConnack } from './packets/connack.ts';
import { decodeConnect } from './packets/connect.ts';
import { decodeDisconnect } from './packets/disconnect.ts';
import { decodePingreq, decodePingresp } from './packets/ping.ts';
import { decodePublish } from './packets/publish.ts';
import { decodeSuback } from './packets/suback.ts';
import { decodeSubscribe } from './packets/subscribe.ts';
import { decodeUnsuback } from './packets/unsuback.ts';
import { decodeUnsubscribe } from './packets/unsubscribe.ts';
import { malformed } from './protocol-fault.ts';

/**
 * The packet whose body is buf[start..end), as readFrame found it; every byte of the body must belong to it. The version
 * is that of the connection; a CONNECT says its own. Throws ProtocolFault and nothing else. Nothing in the packet refers
 * to `buf`.
 */
export function decodePacket(buf: Buffer, firstByte: number, start: number, end: number, version: Version): Packet {
  const type = firstByte >> 4;
  checkFlags(firstByte, version);
  // biome-ignore format: a table is read by its columns
  switch (type) {
    case PacketType.CONNECT:     return decodeConnect(buf, start, end);
    case PacketType.CONNACK:     return decodeConnack(buf, start, end, version);
    case PacketType.PUBLISH:     return decodePublish(buf, firstByte, start, end, version);
    case PacketType.PUBACK:
    case PacketType.PUBREC:
    case PacketType.PUBREL:
    case PacketType.PUBCOMP:     return decodeAck(buf, firstByte, start, end, version);
    case PacketType.SUBSCRIBE:   return decodeSubscribe(buf, start, end, version);
    case PacketType.SUBACK:      return decodeSuback(buf, start, end, version);
    case PacketType.UNSUBSCRIBE: return decodeUnsubscribe(buf, start, end, version);
    case PacketType.UNSUBACK:    return decodeUnsuback(buf, start, end, version);
    case PacketType.PINGREQ:     return decodePingreq(buf, start, end);
    case PacketType.PINGRESP:    return decodePingresp(buf, start, end);
    case PacketType.DISCONNECT:  return decodeDisconnect(buf, start, end, version);
    case PacketType.AUTH:        return decodeAuth(buf, start, end, version);
    default: throw malformed('packet type 0 is reserved (MQTT 2.1.2)');
  }
}

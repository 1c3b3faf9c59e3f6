import type { Packet } from './packet.ts';
import type { Version } from './packet-type.ts';
import { encodeAck } from './packets/ack.ts';
import { encodeAuth } from './packets/auth.ts';
import { encodeConnack } from './packets/connack.ts';
import { encodeConnect } from './packets/connect.ts';
import { encodeDisconnect } from './packets/disconnect.ts';
import { encodePing } from './packets/ping.ts';
import { encodePublish } from './packets/publish.ts';
import { encodeSuback } from './packets/suback.ts';
import { encodeSubscribe } from './packets/subscribe.ts';
import { encodeUnsuback } from './packets/unsuback.ts';
import { encodeUnsubscribe } from './packets/unsubscribe.ts';

/**
 * The bytes of a packet in the given version (a CONNECT in its own); what the version does not know is left out. Throws
 * RangeError, with the field's name, on a value that its field cannot hold or the packet may not carry.
 */
export function encodePacket(packet: Packet, version: Version): Buffer {
  // biome-ignore format: a table is read by its columns
  switch (packet.type) {
    case 'connect':     return encodeConnect(packet);
    case 'connack':     return encodeConnack(packet, version);
    case 'publish':     return encodePublish(packet, version);
    case 'puback':
    case 'pubrec':
    case 'pubrel':
    case 'pubcomp':     return encodeAck(packet, version);
    case 'subscribe':   return encodeSubscribe(packet, version);
    case 'suback':      return encodeSuback(packet, version);
    case 'unsubscribe': return encodeUnsubscribe(packet, version);
    case 'unsuback':    return encodeUnsuback(packet, version);
    case 'pingreq':
    case 'pingresp':    return encodePing(packet);
    case 'disconnect':  return encodeDisconnect(packet, version);
    case 'auth':        return encodeAuth(packet, version);
  }
}

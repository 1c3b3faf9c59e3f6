import type { Packet } from './packet.ts';
import type { Version } from './packet-type.ts';

export function encodePacket(_p: Packet, _v: Version): Buffer {
  throw new Error('encodePacket is on its way');
}

import type { Packet } from './packet.ts';
import type { Version } from './packet-type.ts';

export function decodePacket(_b: Buffer, _f: number, _s: number, _e: number, _v: Version): Packet {
  throw new Error('decodePacket is on its way');
}
export function connectVersion(_b: Buffer, _s: number, _e: number): Version | null {
  throw new Error('connectVersion is on its way');
}

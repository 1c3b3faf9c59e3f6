import type { Pingreq, Pingresp } from '../packet.ts';
import { PacketType } from '../packet-type.ts';
import { Reader } from '../reader.ts';

const PINGREQ: Pingreq = Object.freeze({ type: 'pingreq' });
const PINGRESP: Pingresp = Object.freeze({ type: 'pingresp' });

/** PINGREQ and PINGRESP are a fixed header and nothing else (MQTT 3.12, 3.13). */
export function decodePingreq(buf: Buffer, start: number, end: number): Pingreq {
  new Reader(buf, start, end, 'PINGREQ').finish();
  return PINGREQ;
}

export function decodePingresp(buf: Buffer, start: number, end: number): Pingresp {
  new Reader(buf, start, end, 'PINGRESP').finish();
  return PINGRESP;
}

export function encodePing(packet: Pingreq | Pingresp): Buffer {
  return Buffer.of((packet.type === 'pingreq' ? PacketType.PINGREQ : PacketType.PINGRESP) << 4, 0);
}

import type { Frame } from '../codec/index.ts';
import { PacketType } from '../codec/index.ts';
import type { Connection } from './connection.ts';
import { tellHint } from './hints.ts';

const CONNECT_BYTE = 0x10;
const SUBSCRIBE_BYTE = 0x82;

/** `10`, the length, then the length and the name of the protocol: what old clients of MicroPython begin with. */
const MQTT_3_1_1 = Buffer.from('\0\x04MQTT\x04', 'latin1');
const MQTT_3_1 = Buffer.from('\0\x06MQIsdp\x03', 'latin1');
/** Packet identifier, length of the filter, QoS: what a SUBSCRIBE of one filter has beside the filter. */
const SUBSCRIBE_BESIDE_FILTER = 5;

/** Such a packet of a connection that may send it now: its first one, or a SUBSCRIBE before 5.0. Answers as `readFrame` does. */
export function readShortOf(
  connection: Connection,
  buffer: Buffer,
  at: number,
  limit: number,
  frame: Frame,
): 1 | 0 | -1 {
  const firstByte = buffer[at] as number;
  const isConnect = connection.state === 'new' && firstByte === CONNECT_BYTE;
  const isSubscribe = connection.state === 'open' && connection.version < 5 && firstByte === SUBSCRIBE_BYTE;
  if (!isConnect && !isSubscribe) return -1;
  const found = readShortLength(buffer, at, limit, frame);
  if (isConnect) connection.shortConnect = found === 1;
  else if (found === 1) tellHint(connection.core, connection, 'shortSubscribe');
  return found;
}

/**
 * Finds a packet of 128 to 255 bytes whose sender wrote its remaining length into one byte, as pycom's and old umqtt's
 * CONNECT and SUBSCRIBE do. Only where no reading by the standard exists: the byte after the length is 0, which makes the
 * length malformed [MQTT-1.5.5-1], and what follows is what such a packet goes on with. Answers as `readFrame` does: 1 it is all
 * there, 0 more bytes are needed, -1 it is nothing of the kind.
 */
export function readShortLength(buf: Buffer, at: number, limit: number, frame: Frame): 1 | 0 | -1 {
  frame.bodyEnd = 0;
  const firstByte = buf[at] as number;
  const length = buf[at + 1] as number;
  const start = at + 2;
  const looks = firstByte >> 4 === PacketType.CONNECT ? looksLikeConnect : looksLikeSubscribe;
  const found = length < 0x80 ? -1 : looks(buf, start, limit, length);
  if (found !== 1) return found;
  frame.firstByte = firstByte;
  frame.bodyStart = start;
  frame.bodyEnd = start + length;
  return frame.bodyEnd <= limit ? 1 : 0;
}

function looksLikeConnect(buf: Buffer, start: number, limit: number): 1 | 0 | -1 {
  const is3_1_1 = beginsWith(buf, start, limit, MQTT_3_1_1);
  return is3_1_1 < 0 ? beginsWith(buf, start, limit, MQTT_3_1) : is3_1_1;
}

function beginsWith(buf: Buffer, start: number, limit: number, expected: Buffer): 1 | 0 | -1 {
  const end = Math.min(limit, start + expected.length);
  if (buf.compare(expected, 0, end - start, start, end) !== 0) return -1;
  return end - start === expected.length ? 1 : 0;
}

/** One filter, whose own length agrees with that of the packet; an identifier below 256, else the length reads otherwise. */
function looksLikeSubscribe(buf: Buffer, start: number, limit: number, length: number): 1 | 0 | -1 {
  if (buf[start] !== 0) return -1;
  if (limit - start < 4) return 0;
  const filterBytes = ((buf[start + 2] as number) << 8) | (buf[start + 3] as number);
  return filterBytes + SUBSCRIBE_BESIDE_FILTER === length ? 1 : -1;
}

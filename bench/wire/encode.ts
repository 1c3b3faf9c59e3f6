/*
 * The few MQTT 3.1.1 packets that a load needs, written here on purpose and not taken from Sonde's codec: a fault of that
 * codec must not be able to hide in the instrument that measures it.
 */

/** Packet types in the high half of the first byte (MQTT 3.1.1, 2.2.1). */
export const CONNACK = 2;
export const PUBLISH = 3;
export const PUBACK = 4;
export const SUBACK = 9;

/** QoS of a load. */
export type LoadQos = 0 | 1;

export const DISCONNECT_PACKET: Uint8Array = Buffer.from([0xe0, 0x00]);

/** CONNECT, of a clean session or one that stays; keep-alive 0, so that a stalled generator is not thrown out instead of being reported. */
export function encodeConnect(clientId: string, clean = true): Uint8Array {
  return packet(0x10, [text('MQTT'), Buffer.from([4, clean ? 0b0000_0010 : 0, 0, 0]), text(clientId)]);
}

/** SUBSCRIBE to one filter, packet identifier 1. */
export function encodeSubscribe(filter: string, qos: LoadQos): Uint8Array {
  return packet(0x82, [Buffer.from([0, 1]), text(filter), Buffer.from([qos])]);
}

/** A whole PUBLISH; `packetId` only goes out at QoS 1. */
export function encodePublish(topic: string, payload: Uint8Array, qos: LoadQos, packetId: number): Uint8Array {
  const id = qos === 0 ? [] : [packetId >> 8, packetId & 0xff];
  return packet(0x30 | (qos << 1), [text(topic), Buffer.from(id), payload]);
}

/** Writes a PUBACK of four bytes at `at`; returns where it ends. */
export function putPuback(into: Uint8Array, at: number, packetId: number): number {
  into[at] = 0x40;
  into[at + 1] = 2;
  into[at + 2] = packetId >> 8;
  into[at + 3] = packetId & 0xff;
  return at + 4;
}

function packet(first: number, parts: readonly Uint8Array[]): Uint8Array {
  const length = parts.reduce((sum, part) => sum + part.length, 0);
  return Buffer.concat([Buffer.from([first, ...remainingLength(length)]), ...parts]);
}

function remainingLength(length: number): readonly number[] {
  const bytes: number[] = [];
  let rest = length;
  do {
    const digit = rest % 128;
    rest = Math.floor(rest / 128);
    bytes.push(rest > 0 ? digit | 0x80 : digit);
  } while (rest > 0);
  return bytes;
}

function text(value: string): Uint8Array {
  const bytes = Buffer.from(value, 'utf8');
  return Buffer.concat([Buffer.from([bytes.length >> 8, bytes.length & 0xff]), bytes]);
}

/** The protocol level that a connection speaks: 3 is MQTT 3.1 (`MQIsdp`), 4 is 3.1.1, 5 is 5.0. */
export type Version = 3 | 4 | 5;

/** Quality of service. */
export type QoS = 0 | 1 | 2;

/** The packet types as the high half of the first byte carries them (MQTT 2.1.2). 0 is reserved, and so is 15 before MQTT 5. */
export const PacketType = {
  CONNECT: 1,
  CONNACK: 2,
  PUBLISH: 3,
  PUBACK: 4,
  PUBREC: 5,
  PUBREL: 6,
  PUBCOMP: 7,
  SUBSCRIBE: 8,
  SUBACK: 9,
  UNSUBSCRIBE: 10,
  UNSUBACK: 11,
  PINGREQ: 12,
  PINGRESP: 13,
  DISCONNECT: 14,
  AUTH: 15,
} as const;

const names: readonly string[] = ['RESERVED', ...Object.keys(PacketType)];

/** The specification's name of a packet type (the first byte >> 4), such as `CONNECT`; 0 is `RESERVED`. */
export function packetName(type: number): string {
  return names[type] ?? 'RESERVED';
}

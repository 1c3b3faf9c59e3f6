import { PacketType, packetName, type Version } from './packet-type.ts';
import { malformed } from './protocol-fault.ts';

/** The low half of the first byte of every packet that has no flags of its own, by type (MQTT 2.1.3, table 2.2). */
// biome-ignore format: one entry a packet type
const RESERVED_FLAGS = new Uint8Array([0, 0, 0, 0, 0, 0, 2, 0, 2, 0, 2, 0, 0, 0, 0, 0]);
const DUP_OF_3_1 = 0x08;

/** Refuses reserved flags that are not as the table wants them [MQTT-2.1.3-1]. PUBLISH, whose flags speak, passes. */
export function checkFlags(firstByte: number, version: Version): void {
  const type = firstByte >> 4;
  const flags = firstByte & 0x0f;
  const wanted = RESERVED_FLAGS[type]!;
  if (flags === wanted || type === PacketType.PUBLISH) return; // [MQTT-3.6.1-1], [MQTT-3.8.1-1], [MQTT-3.10.1-1], [MQTT-3.14.1-1]
  // 3.1 repeats PUBREL, SUBSCRIBE and UNSUBSCRIBE with DUP set (MQTT 3.1, 2.1)
  if (version === 3 && wanted === 2 && flags === (wanted | DUP_OF_3_1)) return;
  throw malformed(`${packetName(type)}: the flags of the fixed header are ${flags} and not ${wanted} [MQTT-2.1.3-1]`);
}

/** The first byte of a packet of this type without flags of its own. */
export function firstByteOf(type: number): number {
  return (type << 4) | RESERVED_FLAGS[type]!;
}

import { PacketType, packetName } from './packet-type.ts';
import { protocolError } from './protocol-fault.ts';
import { mayCarryReason } from './reason.ts';

/** The clause that ties each packet to its reason codes. */
const CLAUSES: Readonly<Record<number, string>> = {
  [PacketType.CONNACK]: '[MQTT-3.2.2-8]',
  [PacketType.PUBACK]: '[MQTT-3.4.2-1]',
  [PacketType.PUBREC]: '[MQTT-3.5.2-1]',
  [PacketType.PUBREL]: '[MQTT-3.6.2-1]',
  [PacketType.PUBCOMP]: '[MQTT-3.7.2-1]',
  [PacketType.SUBACK]: '[MQTT-3.9.3-2]',
  [PacketType.UNSUBACK]: '[MQTT-3.11.3-2]',
  [PacketType.DISCONNECT]: '[MQTT-3.14.2-1]',
  [PacketType.AUTH]: '[MQTT-3.15.2-1]',
};

/** Throws a ProtocolFault when the packet type may not carry this reason code. */
export function checkReason(type: number, code: number): void {
  if (mayCarryReason(type, code)) return;
  const hex = code.toString(16).padStart(2, '0');
  throw protocolError(`${packetName(type)}: reason code 0x${hex} is not one of its own ${CLAUSES[type] ?? ''}`);
}

import { protocolError } from '../protocol-fault.ts';
import type { Reader } from '../reader.ts';
import type { Writer } from '../writer.ts';

/** The packet identifier of a packet in which 0 is never allowed [MQTT-2.2.1-3]. */
export function readPacketId(reader: Reader): number {
  const packetId = reader.u16('the packet identifier');
  if (packetId === 0) throw protocolError(`${reader.packet}: packet identifier is 0 [MQTT-2.2.1-3]`);
  return packetId;
}

export function writePacketId(writer: Writer, packetId: number): void {
  if (packetId === 0) throw writer.refusal('packet identifier is 0 [MQTT-2.2.1-3]');
  writer.u16(packetId, 'the packet identifier');
}

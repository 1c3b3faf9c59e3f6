import { checkFlags, firstByteOf } from './fixed-header.ts';
import { packetName, type Version } from './packet-type.ts';
import { malformed, protocolError } from './protocol-fault.ts';
import { checkReason } from './reason-check.ts';
import { readVarint, varintLength } from './varint.ts';

/** What PUBACK, PUBREC, PUBREL and PUBCOMP say: the hot door's packet. Made once a connection and written by readAck. */
export type AckView = {
  /** 0 to 65,535; 0 only on 3.x. */
  packetId: number;
  /** A reason of MQTT 5; 0 before it. */
  reason: number;
};

/** A view to reuse. */
export function newAckView(): AckView {
  return { packetId: 0, reason: 0 };
}

/**
 * Reads a PUBACK, PUBREC, PUBREL or PUBCOMP whose body is buf[bodyStart..bodyEnd). Of the properties of MQTT 5 only the
 * length is checked, since nothing in them moves the protocol. Throws ProtocolFault.
 */
export function readAck(
  buf: Buffer,
  firstByte: number,
  bodyStart: number,
  bodyEnd: number,
  version: Version,
  ack: AckView,
): void {
  const type = firstByte >> 4;
  checkFlags(firstByte, version);
  const length = bodyEnd - bodyStart;
  if (length < 2) throw malformed(`${packetName(type)}: the packet ends within the packet identifier`);
  ack.packetId = (buf[bodyStart]! << 8) | buf[bodyStart + 1]!;
  ack.reason = 0;
  if (version < 5) {
    if (length !== 2) throw malformed(`${packetName(type)}: ${length - 2} bytes behind the packet identifier`);
    return;
  }
  if (ack.packetId === 0) throw protocolError(`${packetName(type)}: packet identifier is 0 [MQTT-2.2.1-3]`);
  if (length === 2) return; // the short form of reason 0 (MQTT 3.4.2.1)
  const reason = buf[bodyStart + 2]!;
  checkReason(type, reason);
  ack.reason = reason;
  if (length === 3) return; // no property length either (MQTT 3.4.2.2.1)
  const propsLength = readVarint(buf, bodyStart + 3, bodyEnd);
  if (propsLength < 0) throw malformed(`${packetName(type)}: the property length is not a variable byte integer`);
  if (bodyStart + 3 + varintLength(propsLength) + propsLength !== bodyEnd) {
    throw malformed(`${packetName(type)}: the property length is not that of the packet`);
  }
}

/** Writes the 4-byte form of an acknowledgement (reason 0 in MQTT 5) and returns the offset behind it. */
export function writeAck(buf: Buffer, at: number, type: number, packetId: number): number {
  buf[at] = firstByteOf(type);
  buf[at + 1] = 2;
  buf[at + 2] = packetId >> 8;
  buf[at + 3] = packetId & 0xff;
  return at + 4;
}

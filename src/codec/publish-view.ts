import { copyBytes } from './copy-bytes.ts';
import type { QoS, Version } from './packet-type.ts';
import { malformed, protocolError } from './protocol-fault.ts';
import { readVarint, varintLength, writeVarint } from './varint.ts';

/** Where the parts of a PUBLISH lie in a buffer: the hot door's packet. Made once a connection and written by readPublish. */
export type PublishView = {
  qos: QoS;
  retain: boolean;
  dup: boolean;
  topicStart: number;
  topicEnd: number;
  /** 1 to 65,535; -1 with QoS 0; 0 only from a 3.x client whose counter ran over. */
  packetId: number;
  /** The property block without its length; empty before MQTT 5. */
  propsStart: number;
  propsEnd: number;
  payloadStart: number;
  payloadEnd: number;
};

/** A view to reuse. */
export function newPublishView(): PublishView {
  return {
    qos: 0,
    retain: false,
    dup: false,
    topicStart: 0,
    topicEnd: 0,
    packetId: -1,
    propsStart: 0,
    propsEnd: 0,
    payloadStart: 0,
    payloadEnd: 0,
  };
}

/**
 * Finds the parts of a PUBLISH whose body is buf[bodyStart..bodyEnd). Checks flags and lengths; the topic's text and the
 * properties are left to the caller (readUtf8, decodeProperties). Throws ProtocolFault; the view is then half written.
 */
export function readPublish(
  buf: Buffer,
  firstByte: number,
  bodyStart: number,
  bodyEnd: number,
  version: Version,
  view: PublishView,
): void {
  const qos = (firstByte >> 1) & 3;
  const dup = (firstByte & 0x08) !== 0;
  if (qos === 3) throw malformed('PUBLISH: QoS is 3 [MQTT-3.3.1-4]');
  if (dup && qos === 0) throw malformed('PUBLISH: DUP is set with QoS 0 [MQTT-3.3.1-2]');
  view.qos = qos as QoS;
  view.dup = dup;
  view.retain = (firstByte & 0x01) !== 0;

  if (bodyEnd - bodyStart < 2) throw malformed('PUBLISH: the packet ends within the topic length');
  const topicStart = bodyStart + 2;
  const topicEnd = topicStart + ((buf[bodyStart]! << 8) | buf[bodyStart + 1]!);
  if (topicEnd > bodyEnd) throw malformed('PUBLISH: the topic is longer than the packet');
  view.topicStart = topicStart;
  view.topicEnd = topicEnd;

  let at = topicEnd;
  if (qos === 0) {
    view.packetId = -1;
  } else {
    if (bodyEnd - at < 2) throw malformed('PUBLISH: the packet ends within the packet identifier [MQTT-2.2.1-3]');
    view.packetId = (buf[at]! << 8) | buf[at + 1]!;
    at += 2;
    // Old umqtt counts past 65,535 and then sends 0; on 3.x that is let through.
    if (view.packetId === 0 && version === 5) throw protocolError('PUBLISH: packet identifier is 0 [MQTT-2.2.1-3]');
  }

  if (version === 5) {
    const length = readVarint(buf, at, bodyEnd);
    if (length < 0) throw malformed('PUBLISH: the property length is not a variable byte integer [MQTT-1.5.5-1]');
    at += varintLength(length);
    view.propsStart = at;
    at += length;
    if (at > bodyEnd) throw malformed('PUBLISH: the properties are longer than the packet');
    view.propsEnd = at;
  } else {
    view.propsStart = at;
    view.propsEnd = at;
  }
  view.payloadStart = at;
  view.payloadEnd = bodyEnd;
}

/** Bytes of a whole PUBLISH. `propsBytes` counts the property length too and is 0 before MQTT 5, at least 1 in it. */
export function publishSize(topicBytes: number, qos: QoS, propsBytes: number, payloadBytes: number): number {
  const remaining = publishRemaining(topicBytes, qos, propsBytes, payloadBytes);
  return 1 + varintLength(remaining) + remaining;
}

/** The remaining length of a PUBLISH: what writePublishHeader wants. Same arguments as publishSize. */
export function publishRemaining(topicBytes: number, qos: QoS, propsBytes: number, payloadBytes: number): number {
  return 2 + topicBytes + (qos === 0 ? 0 : 2) + propsBytes + payloadBytes;
}

/**
 * Writes a PUBLISH up to and with its packet identifier (left out when -1) and returns the offset behind it; properties
 * (from MQTT 5 on) and the payload come next. The caller made sure that it fits.
 */
export function writePublishHeader(
  buf: Buffer,
  at: number,
  firstByte: number,
  remainingLength: number,
  topic: Buffer,
  packetId: number,
): number {
  const topicBytes = topic.length;
  buf[at] = firstByte;
  let next = writeVarint(buf, at + 1, remainingLength);
  buf[next] = topicBytes >> 8;
  buf[next + 1] = topicBytes & 0xff;
  next = copyBytes(topic, 0, topicBytes, buf, next + 2);
  if (packetId < 0) return next;
  buf[next] = packetId >> 8;
  buf[next + 1] = packetId & 0xff;
  return next + 2;
}

import { copyBytes } from '../copy-bytes.ts';
import { decodeProperties } from '../decode-properties.ts';
import { encodeProperties } from '../encode-properties.ts';
import type { Publish } from '../packet.ts';
import { PacketType, type Version } from '../packet-type.ts';
import { malformed, protocolError } from '../protocol-fault.ts';
import { newPublishView, publishRemaining, publishSize, readPublish, writePublishHeader } from '../publish-view.ts';
import { copyOf } from '../reader.ts';
import { readUtf8 } from '../utf8.ts';
import { MAX_VARINT } from '../varint.ts';
import { Writer } from '../writer.ts';

/** Decodes a PUBLISH as an object. Wildcards in the topic are the topics room's business [MQTT-3.3.2-2]. */
export function decodePublish(buf: Buffer, firstByte: number, start: number, end: number, version: Version): Publish {
  const view = newPublishView();
  readPublish(buf, firstByte, start, end, version, view);
  const topic = readUtf8(buf, view.topicStart, view.topicEnd);
  if (topic === null) throw malformed('PUBLISH: the topic is not UTF-8 or holds U+0000 [MQTT-3.3.2-1]');
  const properties = decodeProperties(buf, view.propsStart, view.propsEnd, 'publish');
  if (topic === '' && properties.topicAlias === undefined) {
    throw protocolError('PUBLISH: the topic is empty and there is no topic alias [MQTT-4.7.3-1]');
  }
  return {
    type: 'publish',
    topic,
    payload: copyOf(buf, view.payloadStart, view.payloadEnd),
    qos: view.qos,
    retain: view.retain,
    dup: view.dup,
    packetId: view.packetId,
    properties,
  };
}

export function encodePublish(packet: Publish, version: Version): Buffer {
  const { qos, payload } = packet;
  const packetId = qos === 0 ? -1 : packet.packetId;
  checkPublish(packet, version);
  const topic = textBytes(packet.topic);
  const properties = version === 5 ? encodeProperties(packet.properties, 'publish') : NOTHING;
  const remaining = publishRemaining(topic.length, qos, properties.length, payload.length);
  if (remaining > MAX_VARINT) throw new RangeError('PUBLISH: the packet is longer than 268,435,455 bytes');
  const whole = Buffer.allocUnsafe(publishSize(topic.length, qos, properties.length, payload.length));
  const firstByte = (PacketType.PUBLISH << 4) | (packet.dup ? 8 : 0) | (qos << 1) | (packet.retain ? 1 : 0);
  let at = writePublishHeader(whole, 0, firstByte, remaining, topic, packetId);
  at = copyBytes(properties, 0, properties.length, whole, at);
  copyBytes(payload, 0, payload.length, whole, at);
  return whole;
}

const NOTHING = Buffer.alloc(0);

function checkPublish(packet: Publish, version: Version): void {
  if (packet.qos === 0) {
    if (packet.dup) throw new RangeError('PUBLISH: DUP with QoS 0 [MQTT-3.3.1-2]');
    return;
  }
  const least = version === 5 ? 1 : 0;
  if (Number.isInteger(packet.packetId) && packet.packetId >= least && packet.packetId <= 0xffff) return;
  throw new RangeError(`PUBLISH: the packet identifier is ${packet.packetId} [MQTT-2.2.1-3]`);
}

/** The UTF-8 form without a length, checked like every other string. */
function textBytes(text: string): Buffer {
  const writer = new Writer('PUBLISH');
  writer.utf8(text, 'the topic');
  return writer.written().subarray(2);
}

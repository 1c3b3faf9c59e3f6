import { readProperties } from '../decode-properties.ts';
import { encodeProperties } from '../encode-properties.ts';
import { firstByteOf } from '../fixed-header.ts';
import type { Subscribe, SubscribeEntry } from '../packet.ts';
import { PacketType, type QoS, type Version } from '../packet-type.ts';
import { protocolError } from '../protocol-fault.ts';
import { Reader } from '../reader.ts';
import { Writer } from '../writer.ts';
import { readPacketId, writePacketId } from './packet-id.ts';

const QOS = 0x03;
const NO_LOCAL = 0x04;
const RETAIN_AS_PUBLISHED = 0x08;
const RETAIN_HANDLING = 0x30;
const RETAIN_HANDLING_SHIFT = 4;
const RESERVED = 0xc0;
const RESERVED_BEFORE_5 = 0xfc;

/** Decodes a SUBSCRIBE. The shape of the filters is the topics room's business. */
export function decodeSubscribe(buf: Buffer, start: number, end: number, version: Version): Subscribe {
  const reader = new Reader(buf, start, end, 'SUBSCRIBE');
  const packetId = readPacketId(reader);
  const properties = readProperties(reader, 'subscribe', version);
  const subscriptions: SubscribeEntry[] = [];
  while (reader.left > 0) subscriptions.push(readEntry(reader, version));
  if (subscriptions.length === 0) throw protocolError('SUBSCRIBE: no topic filter [MQTT-3.8.3-2]');
  return { type: 'subscribe', packetId, subscriptions, properties };
}

export function encodeSubscribe(packet: Subscribe, version: Version): Buffer {
  const writer = new Writer('SUBSCRIBE');
  if (packet.subscriptions.length === 0) throw writer.refusal('no topic filter [MQTT-3.8.3-2]');
  writePacketId(writer, packet.packetId);
  if (version === 5) writer.bytes(encodeProperties(packet.properties, 'subscribe'));
  for (const entry of packet.subscriptions) {
    writer.utf8(entry.filter, 'a topic filter');
    writer.u8(version === 5 ? optionsOf(entry) : entry.qos, 'the subscription options');
  }
  return writer.packetWith(firstByteOf(PacketType.SUBSCRIBE));
}

function readEntry(reader: Reader, version: Version): SubscribeEntry {
  const filter = reader.utf8('a topic filter'); // [MQTT-3.8.3-1]
  const options = reader.u8('the subscription options');
  if ((options & (version === 5 ? RESERVED : RESERVED_BEFORE_5)) !== 0) {
    throw reader.fault('reserved bits of the subscription options are set [MQTT-3.8.3-5]'); // 3.1.1 [MQTT-3-8.3-4]
  }
  const qos = options & QOS;
  if (qos === 3) throw reader.fault('the QoS asked for is 3 (MQTT 3.8.3.1)');
  const retainHandling = (options & RETAIN_HANDLING) >> RETAIN_HANDLING_SHIFT;
  if (retainHandling === 3) throw protocolError('SUBSCRIBE: retain handling is 3 (MQTT 3.8.3.1)');
  const noLocal = (options & NO_LOCAL) !== 0;
  if (noLocal && filter.startsWith('$share/')) {
    throw protocolError('SUBSCRIBE: no local on a shared subscription [MQTT-3.8.3-4]');
  }
  return {
    filter,
    qos: qos as QoS,
    noLocal,
    retainAsPublished: (options & RETAIN_AS_PUBLISHED) !== 0,
    retainHandling: retainHandling as 0 | 1 | 2,
  };
}

function optionsOf(entry: SubscribeEntry): number {
  return (
    entry.qos |
    (entry.noLocal ? NO_LOCAL : 0) |
    (entry.retainAsPublished ? RETAIN_AS_PUBLISHED : 0) |
    (entry.retainHandling << RETAIN_HANDLING_SHIFT)
  );
}

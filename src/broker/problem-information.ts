import type { Packet, Properties, Version } from '../codec/index.ts';
import { EMPTY_PROPERTIES, encodePacket, PacketType, Reason, reasonText } from '../codec/index.ts';

/*
 * Reason strings (MQTT 5.0, 2.2.2.2): what went wrong in words, for who reads the log of a device. They never say more
 * than the device may know: not why a sign-in failed, nor that a filter exists which a rule denies by name.
 */

/** A reason string is for a line in a log. */
const MAX_CHARACTERS = 300;

/** What the receiver of a packet wants and takes. */
export type PacketTaker = {
  readonly version: Version;
  /** Its Maximum Packet Size, bytes. */
  readonly maxPacketBytes: number;
  /** Its Request Problem Information. */
  readonly wantsProblems: boolean;
};

/** The text as a property; cut, and without what a UTF-8 string of MQTT may not hold [MQTT-1.5.4-1] [MQTT-1.5.4-2]. */
export function inWords(text: string): Properties {
  if (text === '') return EMPTY_PROPERTIES;
  const reasonString = text.slice(0, MAX_CHARACTERS).replace(/[\p{Cc}\p{Cs}]/gu, '?');
  return { reasonString };
}

/** A PUBACK, PUBREC, PUBREL or PUBCOMP that says more than success. */
export function ackWithReason(packetType: number, packetId: number, reason: number): Packet {
  const type = ACK_KINDS[packetType] as 'puback' | 'pubrec' | 'pubrel' | 'pubcomp';
  return { type, packetId, reason, properties: inWords(ACKS[reason] ?? '') };
}

const ACK_KINDS = {
  [PacketType.PUBACK]: 'puback',
  [PacketType.PUBREC]: 'pubrec',
  [PacketType.PUBREL]: 'pubrel',
  [PacketType.PUBCOMP]: 'pubcomp',
} as Readonly<Record<number, string>>;

const ACKS: Readonly<Record<number, string>> = {
  [Reason.notAuthorized]: 'may not publish to this topic',
  [Reason.payloadFormatInvalid]: 'the payload is not UTF-8, which its format indicator says it is',
  [Reason.quotaExceeded]: 'a limit of this server is reached',
};

/** What is said with a SUBACK: the first refusal in it. */
export function refusalInWords(
  filters: readonly { readonly filter: string }[],
  reasons: readonly number[],
): Properties {
  const at = reasons.findIndex((reason) => reason > Reason.unspecifiedError);
  return at < 0 ? EMPTY_PROPERTIES : inWords(`${reasonText(reasons[at] as number)}: ${filters[at]?.filter ?? ''}`);
}

/**
 * The packet as this receiver takes it: without words where it wants none [MQTT-3.1.2-29], or where they make the packet
 * larger than it takes ([MQTT-3.2.2-19, 20], [MQTT-3.4.2-2, 3], [MQTT-3.5.2-2, 3], [MQTT-3.6.2-2, 3], [MQTT-3.7.2-2, 3],
 * [MQTT-3.9.2-1, 2], [MQTT-3.11.2-1, 2], [MQTT-3.14.2-3, 4], [MQTT-3.15.2-2, 3]). Null: also without them it is too
 * large and may not be sent [MQTT-3.1.2-24].
 */
export function encodeFor(packet: Packet, to: PacketTaker): Buffer | null {
  if (to.version < 5) return encodePacket(packet, to.version);
  const bytes = encodePacket(to.wantsProblems || ALWAYS_IN_WORDS.has(packet.type) ? packet : wordless(packet), 5);
  if (bytes.length <= to.maxPacketBytes) return bytes;
  const short = encodePacket(wordless(packet), 5);
  return short.length <= to.maxPacketBytes ? short : null;
}

/** The packets that Request Problem Information does not speak of (3.1.2.11.7). */
const ALWAYS_IN_WORDS: ReadonlySet<Packet['type']> = new Set(['connack', 'disconnect', 'publish']);

function wordless(packet: Packet): Packet {
  if (!('properties' in packet) || packet.type === 'publish') return packet;
  const { reasonString: _words, userProperties: _user, ...properties } = packet.properties;
  return { ...packet, properties };
}

import type { QoS, Version } from './packet-type.ts';
import type { Properties } from './properties.ts';

/**
 * Every packet as an object, MQTT 5 as the superset: on a 3.x connection `properties` is EMPTY_PROPERTIES and reasons are
 * the nearest of MQTT 5. Strings are well-formed Unicode without U+0000. Buffers are copies that the owner may keep.
 */
export type Packet =
  | Connect
  | Connack
  | Publish
  | Puback
  | Pubrec
  | Pubrel
  | Pubcomp
  | Subscribe
  | Suback
  | Unsubscribe
  | Unsuback
  | Pingreq
  | Pingresp
  | Disconnect
  | Auth;

/** The word in `Packet.type`. */
export type PacketKind = Packet['type'];

/** The message that the server publishes when the client is gone without a word (MQTT 3.1.2.5). */
export type Will = {
  readonly topic: string;
  readonly payload: Buffer;
  readonly qos: QoS;
  readonly retain: boolean;
  readonly properties: Properties;
};

export type Connect = {
  readonly type: 'connect';
  readonly version: Version;
  /** The peer is a bridge: it set bit 0x80 of the protocol level, as Mosquitto's bridges do. Not in 5.0. */
  readonly bridge: boolean;
  /** May be empty; what that means is the session's business (MQTT 3.1.3.1). */
  readonly clientId: string;
  /** Clean session of 3.x, clean start of 5. */
  readonly clean: boolean;
  /** Seconds; 0 means no time-out. */
  readonly keepAlive: number;
  readonly username: string | null;
  readonly password: Buffer | null;
  readonly will: Will | null;
  readonly properties: Properties;
};

export type Connack = {
  readonly type: 'connack';
  readonly sessionPresent: boolean;
  /** A code of MQTT 5 in every version; on 3.x it goes over the wire as connackReturnCode(reason). */
  readonly reason: number;
  readonly properties: Properties;
};

export type Publish = {
  readonly type: 'publish';
  readonly topic: string;
  readonly payload: Buffer;
  readonly qos: QoS;
  readonly retain: boolean;
  readonly dup: boolean;
  /** 1 to 65,535; -1 with QoS 0; 0 only from a 3.x client whose counter ran over. */
  readonly packetId: number;
  readonly properties: Properties;
};

type Ack<Kind extends string> = {
  readonly type: Kind;
  readonly packetId: number;
  readonly reason: number;
  readonly properties: Properties;
};

export type Puback = Ack<'puback'>;
export type Pubrec = Ack<'pubrec'>;
export type Pubrel = Ack<'pubrel'>;
export type Pubcomp = Ack<'pubcomp'>;

/** One line of a SUBSCRIBE. The last three are false, false and 0 before MQTT 5. */
export type SubscribeEntry = {
  readonly filter: string;
  readonly qos: QoS;
  readonly noLocal: boolean;
  readonly retainAsPublished: boolean;
  /** 0 send retained messages, 1 only if the subscription is new, 2 never (MQTT 3.8.3.1). */
  readonly retainHandling: 0 | 1 | 2;
};

export type Subscribe = {
  readonly type: 'subscribe';
  readonly packetId: number;
  readonly subscriptions: readonly SubscribeEntry[];
  readonly properties: Properties;
};

export type Suback = {
  readonly type: 'suback';
  readonly packetId: number;
  /** One for each subscription, in order. On 3.x every failure goes over the wire as 0x80. */
  readonly reasons: readonly number[];
  readonly properties: Properties;
};

export type Unsubscribe = {
  readonly type: 'unsubscribe';
  readonly packetId: number;
  readonly filters: readonly string[];
  readonly properties: Properties;
};

export type Unsuback = {
  readonly type: 'unsuback';
  readonly packetId: number;
  /** One for each filter, in order; not sent on 3.x, and empty when decoded from it. */
  readonly reasons: readonly number[];
  readonly properties: Properties;
};

export type Pingreq = { readonly type: 'pingreq' };
export type Pingresp = { readonly type: 'pingresp' };

export type Disconnect = {
  readonly type: 'disconnect';
  readonly reason: number;
  readonly properties: Properties;
};

export type Auth = {
  readonly type: 'auth';
  readonly reason: number;
  readonly properties: Properties;
};

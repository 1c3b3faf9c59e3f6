import type { PacketKind } from './packet.ts';

/** What may carry properties: a packet, or the will inside a CONNECT. */
export type Carrier = Exclude<PacketKind, 'pingreq' | 'pingresp'> | 'will';

/** The properties of MQTT 5 (2.2.2.2) by name. A property that was not sent is absent, never undefined. */
export type Properties = {
  /** 0 unspecified bytes, 1 UTF-8 text. */
  readonly payloadFormatIndicator?: 0 | 1;
  /** Seconds. */
  readonly messageExpiryInterval?: number;
  readonly contentType?: string;
  readonly responseTopic?: string;
  readonly correlationData?: Buffer;
  /** 1 to 268,435,455 each; exactly one in a SUBSCRIBE. */
  readonly subscriptionIdentifiers?: readonly number[];
  /** Seconds; 0xffffffff means that the session does not expire. */
  readonly sessionExpiryInterval?: number;
  readonly assignedClientIdentifier?: string;
  /** Seconds. */
  readonly serverKeepAlive?: number;
  readonly authenticationMethod?: string;
  readonly authenticationData?: Buffer;
  readonly requestProblemInformation?: boolean;
  /** Seconds. */
  readonly willDelayInterval?: number;
  readonly requestResponseInformation?: boolean;
  readonly responseInformation?: string;
  readonly serverReference?: string;
  readonly reasonString?: string;
  /** 1 to 65,535. */
  readonly receiveMaximum?: number;
  readonly topicAliasMaximum?: number;
  /** 1 to 65,535. */
  readonly topicAlias?: number;
  readonly maximumQoS?: 0 | 1;
  readonly retainAvailable?: boolean;
  /** In the order of the wire; names may repeat. */
  readonly userProperties?: readonly (readonly [string, string])[];
  /** Bytes, 1 to 4,294,967,295. */
  readonly maximumPacketSize?: number;
  readonly wildcardSubscriptionAvailable?: boolean;
  readonly subscriptionIdentifiersAvailable?: boolean;
  readonly sharedSubscriptionAvailable?: boolean;
};

/** No properties: shared and frozen, so `===` tells it apart cheaply. */
export const EMPTY_PROPERTIES: Properties = Object.freeze({});

/**
 * Reason codes of MQTT 5 (2.4): one table with the code, the specification's name and the packets that may carry it.
 * Below 0x80 is success, from 0x80 on is failure.
 */

const CONNACK = 1;
const PUBACK = 2; // and PUBREC, which shares its codes
const PUBREL = 4; // and PUBCOMP
const SUBACK = 8;
const UNSUBACK = 16;
const DISCONNECT = 32;
const AUTH = 64;
const BY_SERVER = 128; // in a DISCONNECT from a server alone

// biome-ignore format: a table is read by its columns
const table = {
  success:                             [0x00, 'Success', CONNACK | PUBACK | PUBREL | SUBACK | UNSUBACK | DISCONNECT | AUTH],
  grantedQoS1:                         [0x01, 'Granted QoS 1', SUBACK],
  grantedQoS2:                         [0x02, 'Granted QoS 2', SUBACK],
  disconnectWithWill:                  [0x04, 'Disconnect with Will Message', DISCONNECT],
  noMatchingSubscribers:               [0x10, 'No matching subscribers', PUBACK],
  noSubscriptionExisted:               [0x11, 'No subscription existed', UNSUBACK],
  continueAuthentication:              [0x18, 'Continue authentication', AUTH],
  reAuthenticate:                      [0x19, 'Re-authenticate', AUTH],
  unspecifiedError:                    [0x80, 'Unspecified error', CONNACK | PUBACK | SUBACK | UNSUBACK | DISCONNECT],
  malformedPacket:                     [0x81, 'Malformed Packet', CONNACK | DISCONNECT],
  protocolError:                       [0x82, 'Protocol Error', CONNACK | DISCONNECT],
  implementationSpecificError:         [0x83, 'Implementation specific error', CONNACK | PUBACK | SUBACK | UNSUBACK | DISCONNECT],
  unsupportedProtocolVersion:          [0x84, 'Unsupported Protocol Version', CONNACK],
  clientIdentifierNotValid:            [0x85, 'Client Identifier not valid', CONNACK],
  badUserNameOrPassword:               [0x86, 'Bad User Name or Password', CONNACK],
  notAuthorized:                       [0x87, 'Not authorized', CONNACK | PUBACK | SUBACK | UNSUBACK | DISCONNECT | BY_SERVER],
  serverUnavailable:                   [0x88, 'Server unavailable', CONNACK],
  serverBusy:                          [0x89, 'Server busy', CONNACK | DISCONNECT | BY_SERVER],
  banned:                              [0x8a, 'Banned', CONNACK],
  serverShuttingDown:                  [0x8b, 'Server shutting down', DISCONNECT | BY_SERVER],
  badAuthenticationMethod:             [0x8c, 'Bad authentication method', CONNACK | DISCONNECT],
  keepAliveTimeout:                    [0x8d, 'Keep Alive timeout', DISCONNECT | BY_SERVER],
  sessionTakenOver:                    [0x8e, 'Session taken over', DISCONNECT | BY_SERVER],
  topicFilterInvalid:                  [0x8f, 'Topic Filter invalid', SUBACK | UNSUBACK | DISCONNECT | BY_SERVER],
  topicNameInvalid:                    [0x90, 'Topic Name invalid', CONNACK | PUBACK | DISCONNECT],
  packetIdentifierInUse:               [0x91, 'Packet Identifier in use', PUBACK | SUBACK | UNSUBACK],
  packetIdentifierNotFound:            [0x92, 'Packet Identifier not found', PUBREL],
  receiveMaximumExceeded:              [0x93, 'Receive Maximum exceeded', DISCONNECT],
  topicAliasInvalid:                   [0x94, 'Topic Alias invalid', DISCONNECT],
  packetTooLarge:                      [0x95, 'Packet too large', CONNACK | DISCONNECT],
  messageRateTooHigh:                  [0x96, 'Message rate too high', DISCONNECT],
  quotaExceeded:                       [0x97, 'Quota exceeded', CONNACK | PUBACK | SUBACK | DISCONNECT],
  administrativeAction:                [0x98, 'Administrative action', DISCONNECT],
  payloadFormatInvalid:                [0x99, 'Payload format invalid', CONNACK | PUBACK | DISCONNECT],
  retainNotSupported:                  [0x9a, 'Retain not supported', CONNACK | DISCONNECT | BY_SERVER],
  qosNotSupported:                     [0x9b, 'QoS not supported', CONNACK | DISCONNECT | BY_SERVER],
  useAnotherServer:                    [0x9c, 'Use another server', CONNACK | DISCONNECT | BY_SERVER],
  serverMoved:                         [0x9d, 'Server moved', CONNACK | DISCONNECT | BY_SERVER],
  sharedSubscriptionsNotSupported:     [0x9e, 'Shared Subscriptions not supported', SUBACK | DISCONNECT | BY_SERVER],
  connectionRateExceeded:              [0x9f, 'Connection rate exceeded', CONNACK | DISCONNECT | BY_SERVER],
  maximumConnectTime:                  [0xa0, 'Maximum connect time', DISCONNECT | BY_SERVER],
  subscriptionIdentifiersNotSupported: [0xa1, 'Subscription Identifiers not supported', SUBACK | DISCONNECT | BY_SERVER],
  wildcardSubscriptionsNotSupported:   [0xa2, 'Wildcard Subscriptions not supported', SUBACK | DISCONNECT | BY_SERVER],
} as const;

/** Every reason code by name, such as `Reason.malformedPacket` (0x81). 0 also stands for Granted QoS 0 and Normal disconnection. */
export const Reason = Object.fromEntries(Object.entries(table).map(([name, row]) => [name, row[0]])) as {
  readonly [K in keyof typeof table]: (typeof table)[K][0];
};

const texts = new Map<number, string>(Object.values(table).map((row) => [row[0], row[1]]));

/** The specification's name of a reason code, such as `Malformed Packet`; `Reason 0x..` for one that it does not have. */
export function reasonText(code: number): string {
  return texts.get(code) ?? `Reason 0x${code.toString(16).padStart(2, '0')}`;
}

/** Which packets may carry a code, as a bit set indexed by the code: a lookup without hashing for the hot door. */
const carriers = new Uint8Array(256);
for (const [code, , packets] of Object.values(table)) carriers[code] = packets;

// biome-ignore format: a table is read by its columns
const carrierOfType = new Uint8Array([0, 0, CONNACK, 0, PUBACK, PUBACK, PUBREL, PUBREL, 0, SUBACK, 0, UNSUBACK, 0, 0, DISCONNECT, AUTH]);

/** Whether a packet of this type (first byte >> 4) may carry the reason code. */
export function mayCarryReason(type: number, code: number): boolean {
  return (carriers[code]! & carrierOfType[type]!) !== 0;
}

/** Whether a client may say good-bye with this reason: many are a server's alone (3.14.2.1). */
export function mayClientDisconnect(code: number): boolean {
  return (carriers[code]! & (DISCONNECT | BY_SERVER)) === DISCONNECT;
}

/**
 * The CONNACK return code of MQTT 3.x (3.1.1 table 3.1) for an MQTT 5 reason: 0 for success, else 1 to 5. What may pass
 * with time becomes 3 (server unavailable), what trying again does not mend 5 (not authorized).
 */
export function connackReturnCode(reason: number): number {
  if (reason < 0x80) return 0;
  switch (reason) {
    case Reason.unsupportedProtocolVersion:
      return 1;
    case Reason.clientIdentifierNotValid:
      return 2;
    case Reason.badUserNameOrPassword:
    case Reason.badAuthenticationMethod:
      return 4;
    case Reason.malformedPacket:
    case Reason.protocolError:
    case Reason.notAuthorized:
    case Reason.banned:
    case Reason.topicNameInvalid:
    case Reason.packetTooLarge:
    case Reason.payloadFormatInvalid:
    case Reason.retainNotSupported:
    case Reason.qosNotSupported:
      return 5;
    default:
      return 3;
  }
}

/** The MQTT 5 reason that stands for a 3.x CONNACK return code, or -1 when there is none (codes above 5 are reserved). */
export function reasonOfReturnCode(returnCode: number): number {
  return RETURN_CODES[returnCode] ?? -1;
}

const RETURN_CODES: readonly number[] = [
  Reason.success,
  Reason.unsupportedProtocolVersion,
  Reason.clientIdentifierNotValid,
  Reason.serverUnavailable,
  Reason.badUserNameOrPassword,
  Reason.notAuthorized,
];

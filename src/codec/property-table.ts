import type { Carrier, Properties } from './properties.ts';

/** How a property's value goes over the wire. `bit` is a byte 0 or 1 kept as a number, `flag` the same as a boolean. */
export type PropertyKind = 'bit' | 'flag' | 'u16' | 'u32' | 'varints' | 'utf8' | 'binary' | 'pairs';

export type PropertyRow = {
  readonly id: number;
  readonly name: keyof Properties;
  readonly kind: PropertyKind;
  readonly carriers: readonly Carrier[];
  /** The value 0 is a fault. */
  readonly nonZero: boolean;
};

const message: readonly Carrier[] = ['publish', 'will'];
const acks: readonly Carrier[] = ['connack', 'puback', 'pubrec', 'pubrel', 'pubcomp', 'suback', 'unsuback'];
const refusals: readonly Carrier[] = [...acks, 'disconnect', 'auth'];
const all: readonly Carrier[] = [...refusals, 'connect', 'publish', 'will', 'subscribe', 'unsubscribe'];

function row(
  id: number,
  name: keyof Properties,
  kind: PropertyKind,
  carriers: readonly Carrier[],
  nonZero = false,
): PropertyRow {
  return { id, name, kind, carriers, nonZero };
}

/** Every property of MQTT 5 in the order of its identifier (2.2.2.2, table 2.4). Only the kinds in the plural may repeat. */
// biome-ignore format: a table is read by its columns
export const PROPERTY_TABLE: readonly PropertyRow[] = [
  row(0x01, 'payloadFormatIndicator',           'bit',     message),
  row(0x02, 'messageExpiryInterval',            'u32',     message),
  row(0x03, 'contentType',                      'utf8',    message),
  row(0x08, 'responseTopic',                    'utf8',    message),
  row(0x09, 'correlationData',                  'binary',  message),
  row(0x0b, 'subscriptionIdentifiers',          'varints', ['publish', 'subscribe'], true),
  row(0x11, 'sessionExpiryInterval',            'u32',     ['connect', 'connack', 'disconnect']),
  row(0x12, 'assignedClientIdentifier',         'utf8',    ['connack']),
  row(0x13, 'serverKeepAlive',                  'u16',     ['connack']),
  row(0x15, 'authenticationMethod',             'utf8',    ['connect', 'connack', 'auth']),
  row(0x16, 'authenticationData',               'binary',  ['connect', 'connack', 'auth']),
  row(0x17, 'requestProblemInformation',        'flag',    ['connect']),
  row(0x18, 'willDelayInterval',                'u32',     ['will']),
  row(0x19, 'requestResponseInformation',       'flag',    ['connect']),
  row(0x1a, 'responseInformation',              'utf8',    ['connack']),
  row(0x1c, 'serverReference',                  'utf8',    ['connack', 'disconnect']),
  row(0x1f, 'reasonString',                     'utf8',    refusals),
  row(0x21, 'receiveMaximum',                   'u16',     ['connect', 'connack'], true),
  row(0x22, 'topicAliasMaximum',                'u16',     ['connect', 'connack']),
  row(0x23, 'topicAlias',                       'u16',     ['publish'], true),
  row(0x24, 'maximumQoS',                       'bit',     ['connack']),
  row(0x25, 'retainAvailable',                  'flag',    ['connack']),
  row(0x26, 'userProperties',                   'pairs',   all),
  row(0x27, 'maximumPacketSize',                'u32',     ['connect', 'connack'], true),
  row(0x28, 'wildcardSubscriptionAvailable',    'flag',    ['connack']),
  row(0x29, 'subscriptionIdentifiersAvailable', 'flag',    ['connack']),
  row(0x2a, 'sharedSubscriptionAvailable',      'flag',    ['connack']),
];

/** Whether the carrier may hold the property more than once: user properties everywhere, subscription identifiers in a PUBLISH. */
export function mayRepeat(property: PropertyRow, carrier: Carrier): boolean {
  return property.kind === 'pairs' || (property.kind === 'varints' && carrier === 'publish');
}

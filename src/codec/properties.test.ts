import { describe, expect, test } from 'vitest';
import {
  type Carrier,
  connectVersion,
  decodeProperties,
  EMPTY_PROPERTIES,
  encodePacket,
  encodeProperties,
  type Properties,
  ProtocolFault,
} from './index.ts';
import { readFixtures } from './testing/read-fixtures.ts';

/** MQTT 5, table 2.4 of 2.2.2.2, written down a second time: identifier, our name, a value in bytes, carriers. */
const standard: readonly (readonly [number, keyof Properties, string, string])[] = [
  [0x01, 'payloadFormatIndicator', '01', 'publish will'],
  [0x02, 'messageExpiryInterval', '0000000a', 'publish will'],
  [0x03, 'contentType', '000161', 'publish will'],
  [0x08, 'responseTopic', '000161', 'publish will'],
  [0x09, 'correlationData', '0001ff', 'publish will'],
  [0x0b, 'subscriptionIdentifiers', '8001', 'publish subscribe'],
  [0x11, 'sessionExpiryInterval', '0000000a', 'connect connack disconnect'],
  [0x12, 'assignedClientIdentifier', '000161', 'connack'],
  [0x13, 'serverKeepAlive', '000a', 'connack'],
  [0x15, 'authenticationMethod', '000161', 'connect connack auth'],
  [0x16, 'authenticationData', '0001ff', 'connect connack auth'],
  [0x17, 'requestProblemInformation', '01', 'connect'],
  [0x18, 'willDelayInterval', '0000000a', 'will'],
  [0x19, 'requestResponseInformation', '01', 'connect'],
  [0x1a, 'responseInformation', '000161', 'connack'],
  [0x1c, 'serverReference', '000161', 'connack disconnect'],
  [0x1f, 'reasonString', '000161', 'connack puback pubrec pubrel pubcomp suback unsuback disconnect auth'],
  [0x21, 'receiveMaximum', '000a', 'connect connack'],
  [0x22, 'topicAliasMaximum', '000a', 'connect connack'],
  [0x23, 'topicAlias', '000a', 'publish'],
  [0x24, 'maximumQoS', '01', 'connack'],
  [0x25, 'retainAvailable', '01', 'connack'],
  [
    0x26,
    'userProperties',
    '0001610000',
    'connect connack publish will puback pubrec pubrel pubcomp subscribe suback unsubscribe unsuback disconnect auth',
  ],
  [0x27, 'maximumPacketSize', '0000000a', 'connect connack'],
  [0x28, 'wildcardSubscriptionAvailable', '01', 'connack'],
  [0x29, 'subscriptionIdentifiersAvailable', '01', 'connack'],
  [0x2a, 'sharedSubscriptionAvailable', '01', 'connack'],
];

const carriers = standard.find(([id]) => id === 0x26)![3].split(' ') as Carrier[];

function faultOf(block: Buffer, carrier: Carrier): number | null {
  try {
    decodeProperties(block, 0, block.length, carrier);
    return null;
  } catch (error) {
    if (error instanceof ProtocolFault) return error.reason;
    throw error;
  }
}

describe('a property', () => {
  test.each(standard)('0x%i is %s and stands only where the standard lets it', (id, name, hex, allowed) => {
    const block = Buffer.concat([Buffer.of(id), Buffer.from(hex, 'hex')]);
    for (const carrier of carriers) {
      if (allowed.split(' ').includes(carrier)) {
        const properties = decodeProperties(block, 0, block.length, carrier);
        expect(Object.keys(properties)).toStrictEqual([name]);
        const again = encodeProperties(properties, carrier);
        expect(again.toString('hex')).toBe(Buffer.concat([Buffer.of(block.length), block]).toString('hex'));
      } else {
        expect(faultOf(block, carrier)).toBe(0x81); // MQTT 2.2.2.2
      }
    }
  });

  test.each(standard)('0x%i (%s) may come twice only if it is made for it', (id, name, hex, allowed) => {
    const one = Buffer.concat([Buffer.of(id), Buffer.from(hex, 'hex')]);
    for (const carrier of allowed.split(' ') as Carrier[]) {
      const repeats = name === 'userProperties' || (name === 'subscriptionIdentifiers' && carrier === 'publish');
      expect(faultOf(Buffer.concat([one, one]), carrier)).toBe(repeats ? null : 0x82);
    }
  });

  test.each(standard)('0x%i (%s) cut at any byte is malformed', (id, _name, hex, allowed) => {
    const block = Buffer.concat([Buffer.of(id), Buffer.from(hex, 'hex')]);
    const carrier = allowed.split(' ')[0] as Carrier;
    for (let cut = 1; cut < block.length; cut++) expect(faultOf(block.subarray(0, cut), carrier)).toBe(0x81);
  });

  test('with an identifier that is not in the table is malformed', () => {
    const known = new Set(standard.map(([id]) => id));
    for (let id = 0; id < 128; id++) {
      if (!known.has(id)) expect(faultOf(Buffer.of(id, 0, 0, 0, 0, 0), 'publish')).toBe(0x81);
    }
    expect(faultOf(Buffer.of(0x81, 0x01, 0x00), 'publish')).toBe(0x81); // identifier 129
    expect(faultOf(Buffer.of(0x81, 0x00, 0x01), 'publish')).toBe(0x81); // identifier 1 in two bytes
  });

  test('named like a member of every object stays an ordinary user property', () => {
    const userProperties: [string, string][] = [
      ['__proto__', 'x'],
      ['constructor', 'y'],
    ];
    const block = encodeProperties({ userProperties });
    const properties = decodeProperties(block, 1, block.length, 'publish');
    expect(properties).toStrictEqual({ userProperties });
    expect(Object.getPrototypeOf(properties)).toBe(Object.prototype);
  });
});

describe('no properties', () => {
  test('are the byte 0, and one shared frozen object', () => {
    expect(encodeProperties(EMPTY_PROPERTIES)).toStrictEqual(Buffer.of(0));
    expect(decodeProperties(Buffer.alloc(4), 2, 2, 'connect')).toBe(EMPTY_PROPERTIES);
    expect(Object.isFrozen(EMPTY_PROPERTIES)).toBe(true);
  });
});

describe('a property that cannot be sent', () => {
  test.each<[string, Properties, Carrier]>([
    ['receiveMaximum is 0', { receiveMaximum: 0 }, 'connack'],
    ['serverKeepAlive is 65536', { serverKeepAlive: 65_536 }, 'connack'],
    ['messageExpiryInterval is 1.5', { messageExpiryInterval: 1.5 }, 'publish'],
    ['messageExpiryInterval is -1', { messageExpiryInterval: -1 }, 'publish'],
    ['maximumQoS is 2', { maximumQoS: 2 as 1 }, 'connack'],
    ['subscriptionIdentifiers holds 0', { subscriptionIdentifiers: [0] }, 'publish'],
    ['subscriptionIdentifiers is 268435456', { subscriptionIdentifiers: [268_435_456] }, 'publish'],
    ['only once', { subscriptionIdentifiers: [1, 2] }, 'subscribe'],
    ['may not carry the property topicAlias', { topicAlias: 1 }, 'will'],
    ['userProperties holds U+0000', { userProperties: [['a', '\0']] }, 'publish'],
    ['correlationData is longer than 65,535 bytes', { correlationData: Buffer.alloc(65_536) }, 'publish'],
  ])('is named: %s', (text, properties, carrier) => {
    expect(() => encodeProperties(properties, carrier)).toThrow(RangeError);
    expect(() => encodeProperties(properties, carrier)).toThrow(text);
  });
});

describe('a packet that cannot be sent', () => {
  test('is named with its field', () => {
    const properties = EMPTY_PROPERTIES;
    const publish = {
      type: 'publish',
      topic: 't',
      payload: Buffer.alloc(0),
      retain: false,
      dup: false,
      properties,
    } as const;
    expect(() => encodePacket({ ...publish, qos: 1, packetId: 65_536 }, 4)).toThrow(
      'PUBLISH: the packet identifier is 65536',
    );
    expect(() => encodePacket({ ...publish, qos: 1, packetId: 0 }, 5)).toThrow('PUBLISH: the packet identifier is 0');
    expect(() => encodePacket({ ...publish, qos: 0, packetId: -1, dup: true }, 4)).toThrow('PUBLISH: DUP with QoS 0');
    expect(() => encodePacket({ type: 'auth', reason: 0, properties }, 4)).toThrow('AUTH: is not known before MQTT 5');
    expect(() => encodePacket({ type: 'auth', reason: 0x18, properties }, 5)).toThrow('AUTH: no authentication method');
    const unsubscribe = { type: 'unsubscribe', packetId: 0, filters: ['a'], properties } as const;
    expect(() => encodePacket(unsubscribe, 4)).toThrow('UNSUBSCRIBE: packet identifier is 0');
    expect(() => encodePacket({ ...unsubscribe, packetId: 1, filters: [] }, 4)).toThrow('UNSUBSCRIBE: no topic filter');
  });
});

describe('the version of a CONNECT that was refused', () => {
  test('is known as soon as its protocol level is', () => {
    for (const { bytes, packet } of readFixtures('connect')) {
      if (packet?.type !== 'connect') throw new Error('not a CONNECT');
      const levelAt = 2 + 2 + (packet.version === 3 ? 6 : 4);
      expect(connectVersion(bytes, 2, bytes.length)).toBe(packet.version);
      expect(connectVersion(bytes, 2, levelAt + 1)).toBe(packet.version);
      for (let end = 2; end <= levelAt; end++) expect(connectVersion(bytes, 2, end)).toBeNull();
    }
  });

  test('is null when it is none of ours', () => {
    for (const hex of [
      '00044d5154540602',
      '00064d514973647004',
      '00044d5154580402',
      'ffff4d5154540402',
      '00000402000000',
    ]) {
      const bytes = Buffer.from(hex, 'hex');
      expect(connectVersion(bytes, 0, bytes.length)).toBeNull();
    }
  });
});

test('more than 10,000 properties in a packet are refused: a packet of 4 MiB could hold 800,000 of them', () => {
  const pair = Buffer.from([0x26, 0, 0, 0, 0]);
  const of = (count: number): Buffer => Buffer.concat(Array.from({ length: count }, () => pair));
  expect(decodeProperties(of(10_000), 0, 50_000, 'publish').userProperties).toHaveLength(10_000);
  expect(() => decodeProperties(of(10_001), 0, 50_005, 'publish')).toThrow('more than 10000 properties');
});

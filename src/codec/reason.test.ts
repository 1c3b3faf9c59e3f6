import { describe, expect, test } from 'vitest';
import { connackReturnCode, mayClientDisconnect, PacketType, packetName, Reason, reasonText } from './index.ts';
import { mayCarryReason, reasonOfReturnCode } from './reason.ts';

/** MQTT 5, table 2.4, written down a second time: code and the packets that it names. */
const standard: Readonly<Record<string, string>> = {
  '00': 'CONNACK PUBACK PUBREC PUBREL PUBCOMP UNSUBACK AUTH SUBACK DISCONNECT',
  '01': 'SUBACK',
  '02': 'SUBACK',
  '04': 'DISCONNECT',
  '10': 'PUBACK PUBREC',
  '11': 'UNSUBACK',
  '18': 'AUTH',
  '19': 'AUTH',
  '80': 'CONNACK PUBACK PUBREC SUBACK UNSUBACK DISCONNECT',
  '81': 'CONNACK DISCONNECT',
  '82': 'CONNACK DISCONNECT',
  '83': 'CONNACK PUBACK PUBREC SUBACK UNSUBACK DISCONNECT',
  '84': 'CONNACK',
  '85': 'CONNACK',
  '86': 'CONNACK',
  '87': 'CONNACK PUBACK PUBREC SUBACK UNSUBACK DISCONNECT',
  '88': 'CONNACK',
  '89': 'CONNACK DISCONNECT',
  '8a': 'CONNACK',
  '8b': 'DISCONNECT',
  '8c': 'CONNACK DISCONNECT',
  '8d': 'DISCONNECT',
  '8e': 'DISCONNECT',
  '8f': 'SUBACK UNSUBACK DISCONNECT',
  '90': 'CONNACK PUBACK PUBREC DISCONNECT',
  '91': 'PUBACK PUBREC SUBACK UNSUBACK',
  '92': 'PUBREL PUBCOMP',
  '93': 'DISCONNECT',
  '94': 'DISCONNECT',
  '95': 'CONNACK DISCONNECT',
  '96': 'DISCONNECT',
  '97': 'CONNACK PUBACK PUBREC SUBACK DISCONNECT',
  '98': 'DISCONNECT',
  '99': 'CONNACK PUBACK PUBREC DISCONNECT',
  '9a': 'CONNACK DISCONNECT',
  '9b': 'CONNACK DISCONNECT',
  '9c': 'CONNACK DISCONNECT',
  '9d': 'CONNACK DISCONNECT',
  '9e': 'SUBACK DISCONNECT',
  '9f': 'CONNACK DISCONNECT',
  a0: 'DISCONNECT',
  a1: 'SUBACK DISCONNECT',
  a2: 'SUBACK DISCONNECT',
};

describe('the reason codes', () => {
  test('are carried by the packets that the standard names, and by no other [MQTT-3.2.2-8, MQTT-3.4.2-1, MQTT-3.5.2-1, MQTT-3.6.2-1, MQTT-3.7.2-1, MQTT-3.9.3-2, MQTT-3.11.3-2, MQTT-3.14.2-1, MQTT-3.15.2-1]', () => {
    for (let code = 0; code < 256; code++) {
      const packets = (standard[code.toString(16).padStart(2, '0')] ?? '').split(' ');
      for (let type = 0; type < 16; type++) {
        expect([packetName(type), code, mayCarryReason(type, code)]).toStrictEqual([
          packetName(type),
          code,
          packets.includes(packetName(type)),
        ]);
      }
    }
  });

  test('are all in the table once', () => {
    const codes = Object.values(Reason).map((code) => code.toString(16).padStart(2, '0'));
    expect(codes.toSorted()).toStrictEqual(Object.keys(standard).toSorted());
  });

  test('have the names of the standard', () => {
    expect(reasonText(0x00)).toBe('Success');
    expect(reasonText(Reason.malformedPacket)).toBe('Malformed Packet');
    expect(reasonText(0x8e)).toBe('Session taken over');
    expect(reasonText(0xff)).toBe('Reason 0xff');
  });
});

describe('a refusal of CONNECT in 3.x', () => {
  test('has a return code from 1 to 5 for every reason of MQTT 5, and 0 for success', () => {
    for (const reason of Object.values(Reason)) {
      const code = connackReturnCode(reason);
      if (reason < 0x80) expect(code).toBe(0);
      else expect([1, 2, 3, 4, 5]).toContain(code);
    }
  });

  test.each([
    [0x84, 1],
    [0x85, 2],
    [0x88, 3],
    [0x89, 3],
    [0x86, 4],
    [0x87, 5],
    [0x8a, 5],
  ])('tells reason %i as %i', (reason, code) => {
    expect(connackReturnCode(reason)).toBe(code);
  });

  test('comes back as the reason that the return code stands for', () => {
    expect([0, 1, 2, 3, 4, 5, 6].map(reasonOfReturnCode)).toStrictEqual([0, 0x84, 0x85, 0x88, 0x86, 0x87, -1]);
    for (const code of [1, 2, 3, 4, 5]) expect(connackReturnCode(reasonOfReturnCode(code))).toBe(code);
  });
});

test("a client says good-bye with the reasons that are not a server's alone (3.14.2.1)", () => {
  const ofClients = [0x00, 0x04, 0x80, 0x81, 0x82, 0x83, 0x90, 0x93, 0x94, 0x95, 0x96, 0x97, 0x98, 0x99];
  const mayBeSent = Array.from({ length: 256 }, (_, code) => code).filter(mayClientDisconnect);
  // 0x8c is a DISCONNECT's in table 2.4 and missing in that of 3.14.2.1: whose it is is not said.
  expect(mayBeSent.filter((code) => code !== 0x8c)).toEqual(ofClients);
});

test('packet types have the names of the standard', () => {
  for (const [name, type] of Object.entries(PacketType)) expect(packetName(type)).toBe(name);
  expect(packetName(0)).toBe('RESERVED');
  expect(packetName(16)).toBe('RESERVED');
});

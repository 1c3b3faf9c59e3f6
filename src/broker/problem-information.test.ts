import { describe, expect, it } from 'vitest';
import { compileRules } from '../access/index.ts';
import { decodePacket, newFrame, type Packet, PacketType, type Properties, Reason, readFrame } from '../codec/index.ts';
import { ackWithReason, encodeFor, inWords, refusalInWords } from './problem-information.ts';
import { fakeBroker, openDoor, principalOf } from './testing/fake-broker.ts';
import { FakeDevice, settled } from './testing/fake-device.ts';

const taker = { version: 5 as const, maxPacketBytes: Number.POSITIVE_INFINITY, wantsProblems: true };
const words = (packet: Packet, to: Partial<typeof taker>): string | undefined | null => {
  const bytes = encodeFor(packet, { ...taker, ...to });
  if (bytes === null) return null;
  const frame = newFrame();
  readFrame(bytes, 0, bytes.length, frame);
  const decoded = decodePacket(bytes, frame.firstByte, frame.bodyStart, frame.bodyEnd, 5);
  if (!('properties' in decoded)) return undefined;
  const { reasonString, userProperties } = decoded.properties;
  expect(userProperties === undefined || userProperties.length === 0).toBe(reasonString === undefined);
  return reasonString;
};
const told = { reasonString: 'because', userProperties: [['a', 'b']] } as const;
const packets: readonly (readonly [name: string, packet: Packet])[] = [
  ['CONNACK [MQTT-3.2.2-19, 20]', { type: 'connack', sessionPresent: false, reason: 0x87, properties: told }],
  ['PUBACK [MQTT-3.4.2-2, 3]', { type: 'puback', packetId: 1, reason: 0x87, properties: told }],
  ['PUBREC [MQTT-3.5.2-2, 3]', { type: 'pubrec', packetId: 1, reason: 0x87, properties: told }],
  ['PUBREL [MQTT-3.6.2-2, 3]', { type: 'pubrel', packetId: 1, reason: 0x92, properties: told }],
  ['PUBCOMP [MQTT-3.7.2-2, 3]', { type: 'pubcomp', packetId: 1, reason: 0x92, properties: told }],
  ['SUBACK [MQTT-3.9.2-1, 2]', { type: 'suback', packetId: 1, reasons: [0x87], properties: told }],
  ['UNSUBACK [MQTT-3.11.2-1, 2]', { type: 'unsuback', packetId: 1, reasons: [0x87], properties: told }],
  ['DISCONNECT [MQTT-3.14.2-3, 4]', { type: 'disconnect', reason: 0x8b, properties: told }],
  ['AUTH [MQTT-3.15.2-2, 3]', { type: 'auth', reason: 0x18, properties: { ...told, authenticationMethod: 'x' } }],
];

describe('a reason string', () => {
  it.each(packets)(
    'in %s is left out, user properties too, where the client wants none, or takes no packet so large [MQTT-3.1.2-24, 29]',
    (_, packet) => {
      const always = packet.type === 'connack' || packet.type === 'disconnect';
      expect(words(packet, {})).toBe('because');
      expect(words(packet, { wantsProblems: false })).toBe(always ? 'because' : undefined);
      const size = encodeFor(packet, taker)?.length as number;
      expect(words(packet, { maxPacketBytes: size })).toBe('because');
      expect(words(packet, { maxPacketBytes: size - 1 })).toBeUndefined();
      expect(encodeFor(packet, { ...taker, maxPacketBytes: 2 })).toBeNull();
    },
  );

  it('is a string that MQTT can carry, and short [MQTT-1.5.4-1] [MQTT-1.5.4-2]', () => {
    expect(inWords('a\0b\ud800c\n')).toEqual({ reasonString: 'a?b?c?' });
    expect(inWords('x'.repeat(1000)).reasonString?.length).toBe(300);
    expect(inWords(`${'x'.repeat(299)}\u{1f600}`).reasonString?.endsWith('?')).toBe(true);
    expect(inWords('')).toEqual({});
  });

  it('says nothing about a success, nor about what is denied without a reason', () => {
    expect(ackWithReason(PacketType.PUBACK, 1, Reason.noMatchingSubscribers)).toMatchObject({ properties: {} });
    expect(refusalInWords([{ filter: 'a' }, { filter: 'b' }], [0, 0x80])).toEqual({});
    expect(refusalInWords([{ filter: 'a' }, { filter: 'b' }], [1, 0x87])).toEqual({
      reasonString: 'Not authorized: b',
    });
  });
});

describe('the broker', () => {
  const rules = compileRules([{ subject: { kind: 'everyone' }, publish: ['in'], subscribe: ['out'] }], {
    kind: 'anonymous',
    user: null,
    clientId: 'device',
    readOnly: false,
  });
  const access = {
    ...openDoor,
    authenticate: () => ({ ok: true as const, principal: { ...principalOf('default'), rules } }),
  };
  const strict = async (properties: Properties) => {
    const { broker } = fakeBroker({ access });
    return FakeDevice.connected(broker, { version: 5, properties });
  };

  it('says in words what it refused, unless the client wants none [MQTT-3.1.2-29]', async () => {
    for (const wanted of [true, false]) {
      const device = await strict({ requestProblemInformation: wanted });
      device.publish('out', 'x', 1);
      device.subscribe('in');
      await settled();
      const said = [device.of('puback')[0], device.of('suback')[0]].map((each) => each?.properties.reasonString);
      expect(said).toEqual(wanted ? ['may not publish to this topic', 'Not authorized: in'] : [undefined, undefined]);
      device.subscribe('a/#/b');
      device.sendBytes(Buffer.of(0x10, 0));
      await settled();
      expect(device.of('disconnect')[0]?.properties.reasonString).toMatch(/CONNECT/);
    }
  });

  it('does not say why a sign-in failed', async () => {
    const { broker } = fakeBroker({
      access: { ...openDoor, authenticate: () => ({ ok: false, reason: 'bad-credentials', detail: 'no such token' }) },
    });
    const device = await FakeDevice.connected(broker, { version: 5 });
    expect(device.of('connack')).toMatchObject([{ reason: 0x86, properties: {} }]);
    expect(device.of('connack')[0]?.properties.reasonString).toBeUndefined();
  });

  it('ends a connection that has no room for an answer, and sends nothing too large [MQTT-3.1.2-24]', async () => {
    const { broker, lines } = fakeBroker();
    const tiny = await FakeDevice.connected(broker, { version: 5, properties: { maximumPacketSize: 5 } });
    expect(tiny.received).toEqual([]);
    expect(tiny.closed).toBe(true);
    expect(lines.some(({ text }) => text.includes('no room for CONNACK'))).toBe(true);
  });
});

import { describe, expect, it } from 'vitest';
import { compileRules } from '../access/index.ts';
import { EMPTY_PROPERTIES, Reason } from '../codec/index.ts';
import { createMemoryStore } from '../store/index.ts';
import { fakeBroker, principalOf } from './testing/fake-broker.ts';
import { FakeDevice, settled } from './testing/fake-device.ts';

const bytes = (hex: string): Buffer => Buffer.from(hex.replaceAll(' ', ''), 'hex');

describe('a packet that breaks the protocol', () => {
  it.each([
    ['a reserved packet type', '00 00', Reason.malformedPacket],
    ['a remaining length of five bytes', '30 ff ff ff ff 01', Reason.malformedPacket],
    ['a PUBLISH of QoS 3', '36 05 00 01 61 00 01', Reason.malformedPacket],
    ['an empty topic without an alias [MQTT-4.7.3-1]', '30 03 00 00 00', Reason.protocolError],
    ['an empty topic with other properties', '30 05 00 00 02 01 00', Reason.protocolError],
    ['a topic with a wildcard', '30 06 00 03 61 2f 23 00', Reason.topicNameInvalid],
    ['a topic that is no UTF-8', '30 04 00 01 ff 00', Reason.topicNameInvalid],
    ['a second CONNECT', '10 0d 00 04 4d 51 54 54 05 02 00 00 00 00 00', Reason.protocolError],
    ['a SUBSCRIBE without a filter', '82 03 00 01 00', Reason.protocolError],
    ['a PUBACK to the wrong kind of message', '50 02 00 01', Reason.protocolError],
    ['a subscription identifier of its own', '30 06 00 01 74 02 0b 01', Reason.protocolError],
    ['an unknown topic alias', '30 06 00 00 03 23 00 09', Reason.protocolError],
  ])('(%s) ends that connection only, with its reason and one line', async (_what, hex, reason) => {
    const { broker, lines } = fakeBroker();
    const other = await FakeDevice.connected(broker, { clientId: 'other' });
    other.subscribe('t');
    const bad = await FakeDevice.connected(broker, { version: 5, clientId: 'bad' });
    bad.subscribe('t', 1);
    bad.publish('t', 'x', 1);
    await settled();
    lines.length = 0;
    bad.sendBytes(bytes(hex));
    await settled();
    expect(bad.closed).toBe(true);
    expect(bad.of('disconnect').map((packet) => packet.reason)).toEqual([reason]);
    const warnings = lines.filter(({ level }) => level === 'warn');
    expect(warnings).toHaveLength(1);
    expect(warnings[0]?.fields).toMatchObject({ client: 'bad' });
    other.publish('t', 'still here');
    await settled();
    expect(other.payloads).toContain('still here');
    expect(other.closed).toBe(false);
  });

  it('before CONNECT gets no answer at all', async () => {
    const { broker } = fakeBroker();
    for (const hex of ['c0 00', '30 03 00 01 61', '00 00', 'ff ff ff ff ff', '82 ff ff ff 7f']) {
      const device = new FakeDevice(broker, 5);
      device.sendBytes(bytes(hex));
      await settled();
      expect(device.closed).toBe(true);
      expect(device.received).toEqual([]);
    }
  });

  it('of a size above the limit is refused by its header, before its bytes come', async () => {
    const { broker } = fakeBroker({ limits: { maxPacketBytes: 1000, maxConnectBytes: 200 } });
    const stranger = new FakeDevice(broker, 5);
    stranger.sendBytes(bytes('10 c9 01'));
    expect(stranger.closed).toBe(true);
    const device = await FakeDevice.connected(broker, { version: 5 });
    device.sendBytes(bytes('30 e9 07'));
    await settled();
    expect(device.of('disconnect')[0]?.reason).toBe(Reason.packetTooLarge);
  });

  it('of an unknown protocol version is answered with the code for that', async () => {
    const { broker } = fakeBroker();
    const device = new FakeDevice(broker, 4);
    device.sendBytes(bytes('10 0c 00 04 4d 51 54 54 09 02 00 00 00 00'));
    await settled();
    expect(device.of('connack')[0]?.reason).toBe(Reason.unsupportedProtocolVersion);
    expect(device.closed).toBe(true);
  });

  it.each([
    ['reserved flag', '10 0d 00 04 4d 51 54 54 04 03 00 00 00 01 61'],
    ['will of QoS 3', '10 15 00 04 4d 51 54 54 04 1e 00 00 00 01 61 00 01 74 00 01 78 00 00'],
    ['password without a user name', '10 10 00 04 4d 51 54 54 04 42 00 00 00 01 61 00 01 70'],
    ['client id with a NUL', '10 0d 00 04 4d 51 54 54 04 02 00 00 00 01 00'],
  ])('in a CONNECT of 3.1.1 ends the connection without a CONNACK: %s [MQTT3-3.1.4-1]', async (_what, hex) => {
    const { broker } = fakeBroker();
    const device = new FakeDevice(broker, 4);
    device.sendBytes(bytes(hex));
    await settled();
    expect(device.closed).toBe(true);
    expect(device.received).toEqual([]);
  });

  it('of a hostile but allowed kind harms nobody', async () => {
    const { broker } = fakeBroker();
    const device = await FakeDevice.connected(broker, { clientId: '__proto__' });
    device.subscribe('constructor/__proto__');
    device.publish('constructor/__proto__', '__proto__');
    device.puback(999);
    device.send({ type: 'pubrel', packetId: 12, reason: 0, properties: EMPTY_PROPERTIES });
    await settled();
    expect(device.payloads).toEqual(['__proto__']);
    expect(device.of('pubcomp')).toHaveLength(1);
    expect(device.closed).toBe(false);
  });
});

describe('a fault of our own', () => {
  it('while a packet is worked on ends that connection only, and is in the log with its place [MQTT3-4.8.0-2]', async () => {
    const { broker, lines } = fakeBroker();
    broker.addTap(0, {
      published: (topic) => {
        if (topic.name === 'poison') throw new TypeError('a bug');
      },
    });
    const other = await FakeDevice.connected(broker, { clientId: 'other' });
    other.subscribe('#');
    const unlucky = await FakeDevice.connected(broker, { clientId: 'unlucky' });
    unlucky.publish('poison', 'x');
    other.publish('t', 'goes on');
    await settled();
    expect(unlucky.closed).toBe(true);
    expect(other.payloads).toEqual(['goes on']);
    expect(lines.find(({ level }) => level === 'error')?.fields['stack']).toContain('a bug');
  });
});

describe('topic rules', () => {
  const rules = compileRules([{ subject: { kind: 'everyone' }, publish: ['in/#'], subscribe: ['out/+'] }], {
    kind: 'anonymous',
    user: null,
    clientId: '',
    readOnly: false,
  });

  it('hold for publishing, subscribing, and again at delivery', async () => {
    const access = {
      authenticate: ({ username }: { username: string | null }) => ({
        ok: true as const,
        principal: username ? principalOf('default', 'free') : { ...principalOf('default', 'bound'), rules },
      }),
      onRevoked: () => {},
    };
    const { broker } = fakeBroker({ access });
    const bound = await FakeDevice.connected(broker, { version: 5, clientId: 'bound' });
    const free = await FakeDevice.connected(broker, { clientId: 'free', username: 'free' });
    free.subscribe('#');
    bound.publish('elsewhere', 'x', 1, 1);
    bound.publish('in/a', 'y', 1, 2);
    bound.subscribe('in/#');
    bound.subscribe('out/1');
    bound.subscribe('#');
    await settled();
    expect(bound.of('puback').map(({ reason }) => reason)).toEqual([Reason.notAuthorized, 0]);
    expect(bound.of('suback').map(({ reasons }) => reasons[0])).toEqual([Reason.notAuthorized, 0, 0]);
    expect(free.payloads).toEqual(['y']);
    free.publish('out/1', 'allowed');
    free.publish('other', 'hidden');
    await settled();
    expect(bound.payloads).toEqual(['allowed']);
  });

  it("keep clients off the server's own topics", async () => {
    const { broker } = fakeBroker();
    const device = await FakeDevice.connected(broker, { version: 5 });
    device.publish('$SYS/uptime', 'x', 1, 1);
    await settled();
    expect(device.of('puback')[0]?.reason).toBe(Reason.notAuthorized);
  });
});

describe('an acknowledgement', () => {
  it('waits for the store, in order, and is never given when the store fails', async () => {
    let settle: { ok: () => void; fail: (error: Error) => void }[] = [];
    const memory = createMemoryStore();
    const store = {
      ...memory,
      commit: () =>
        new Promise<void>((ok, fail) => {
          settle.push({ ok, fail });
        }),
    };
    const { broker, lines } = fakeBroker({ store });
    const keeper = await FakeDevice.connected(broker, { clientId: 'keeper', clean: false });
    keeper.subscribe('kept', 1);
    const writer = await FakeDevice.connected(broker, { clientId: 'writer' });
    writer.publish('other', 'no queue', 1, 1);
    await settled();
    expect(writer.of('puback').map(({ packetId }) => packetId)).toEqual([1]);

    writer.publish('kept', 'a', 1, 2);
    writer.publish('other', 'after it', 1, 3);
    await settled();
    writer.publish('other', 'later turn', 1, 4);
    await settled();
    expect(keeper.payloads).toEqual(['a']);
    expect(writer.of('puback').map(({ packetId }) => packetId)).toEqual([1]);
    for (const { ok } of settle.splice(0)) ok();
    await settled();
    expect(writer.of('puback').map(({ packetId }) => packetId)).toEqual([1, 2, 3, 4]);

    settle = [];
    writer.publish('kept', 'b', 1, 5);
    await settled();
    for (const { fail } of settle.splice(0)) fail(new Error('disk'));
    await settled();
    expect(writer.of('puback')).toHaveLength(4);
    expect(writer.closed).toBe(true);
    expect(lines.some(({ level }) => level === 'error')).toBe(true);
  });
});

describe('back-pressure', () => {
  const limits = { maxOutputBytes: 10_000, stalledAfterMs: 2000 };

  it('holds a publisher while its receiver is behind, and loses nothing', async () => {
    const { broker } = fakeBroker({ limits });
    const reader = await FakeDevice.connected(broker, { clientId: 'r' });
    reader.subscribe('t');
    await settled();
    reader.reading = false;
    const writer = await FakeDevice.connected(broker, { clientId: 'w' });
    const payloads = Array.from({ length: 30 }, (_, i) => `${i}`.padEnd(1000, '.'));
    for (const payload of payloads) {
      writer.publish('t', payload);
      await settled();
    }
    expect(writer.paused).toBe(true);
    reader.readAgain();
    await settled();
    expect(writer.paused).toBe(false);
    expect(reader.payloads).toEqual(payloads);
  });

  it('ends for a receiver that takes nothing: others go on, its QoS 0 messages are dropped and counted', async () => {
    const { broker, wait } = fakeBroker({ limits });
    const stuck = await FakeDevice.connected(broker, { clientId: 'stuck' });
    const other = await FakeDevice.connected(broker, { clientId: 'other' });
    stuck.subscribe('t');
    other.subscribe('t');
    await settled();
    stuck.reading = false;
    const writer = await FakeDevice.connected(broker, { clientId: 'w' });
    for (let i = 0; i < 15; i++) writer.publish('t', 'x'.repeat(1000));
    await settled();
    expect(writer.paused).toBe(true);
    wait(2500);
    expect(writer.paused).toBe(false);
    for (let i = 0; i < 15; i++) writer.publish('t', 'y'.repeat(1000));
    await settled();
    expect(other.payloads).toHaveLength(30);
    expect(broker.clients('default').find(({ clientId }) => clientId === 'stuck')?.dropped).toBe(15);
    stuck.readAgain();
    writer.publish('t', 'back');
    await settled();
    expect(stuck.payloads.at(-1)).toBe('back');
  });
});

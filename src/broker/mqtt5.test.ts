import { describe, expect, it } from 'vitest';
import { type Connect, encodePacket, type Properties } from '../codec/index.ts';
import type { Mqtt5Settings } from './mqtt5.ts';
import { fakeBroker } from './testing/fake-broker.ts';
import { FakeDevice, settled } from './testing/fake-device.ts';

const connackOf = async (mqtt5: Partial<Mqtt5Settings>, options: Partial<Connect>) => {
  const { broker } = fakeBroker({ mqtt5 });
  const device = await FakeDevice.connected(broker, { version: 5, ...options });
  return device.of('connack')[0];
};

describe('Response Information', () => {
  const asks = { properties: { requestResponseInformation: true }, clientId: 'esp-1' };

  it('is told to a client that asks for it, and to no other [MQTT-3.1.2-28]', async () => {
    const mqtt5 = { responseInformation: 'answers/%c' };
    expect((await connackOf(mqtt5, asks))?.properties.responseInformation).toBe('answers/esp-1');
    for (const properties of [{}, { requestResponseInformation: false }] as Properties[]) {
      expect((await connackOf(mqtt5, { properties }))?.properties.responseInformation).toBeUndefined();
    }
    expect((await connackOf({}, asks))?.properties.responseInformation).toBeUndefined();
  });

  it('is not told to a client whose id would change what it means', async () => {
    for (const clientId of ['a/b', '#', '+', '$x']) {
      const connack = await connackOf({ responseInformation: 'answers/%c' }, { ...asks, clientId });
      expect(connack?.properties.responseInformation).toBeUndefined();
    }
  });
});

describe('Server Reference', () => {
  it.each([
    ['now', 0x9c],
    ['moved', 0x9d],
  ] as const)(
    'with "%s" refuses each CONNECT: 0x%s of 5.0, server unavailable before it (4.11)',
    async (when, reason) => {
      const mqtt5 = { serverReference: 'other.example:1883', serverReferenceWhen: when };
      expect(await connackOf(mqtt5, {})).toMatchObject({
        reason,
        properties: { serverReference: 'other.example:1883' },
      });
      const { broker } = fakeBroker({ mqtt5 });
      const old = new FakeDevice(broker, 4);
      old.connect();
      await settled();
      expect(old.of('connack')).toMatchObject([{ reason: 0x88 }]);
      expect(old.closed).toBe(true);
    },
  );

  it('is told when the server stops: 0x9c; without one it is 0x8b, and before 5.0 the connection ends', async () => {
    for (const [mqtt5, reason] of [
      [{ serverReference: 'other.example:1883' }, 0x9c],
      [{}, 0x8b],
    ] as const) {
      const { broker } = fakeBroker({ mqtt5 });
      const five = await FakeDevice.connected(broker, { version: 5, clientId: 'five' });
      const four = await FakeDevice.connected(broker, { version: 4, clientId: 'four' });
      await broker.close();
      const [disconnect] = five.of('disconnect');
      expect(disconnect?.reason).toBe(reason);
      expect(disconnect?.properties.serverReference).toBe(reason === 0x9c ? 'other.example:1883' : undefined);
      expect([four.closed, four.of('disconnect').length]).toEqual([true, 0]);
    }
  });
});

describe('Server Keep Alive', () => {
  it.each([
    [120, 60],
    [0, 60],
    [60, undefined],
    [10, undefined],
  ])('for a keep-alive of %d s with a ceiling of 60 is %s [MQTT-3.2.2-21, 22]', async (keepAlive, told) => {
    const { broker, wait } = fakeBroker({ limits: { maxKeepAliveS: 60 } });
    const device = await FakeDevice.connected(broker, { version: 5, keepAlive });
    expect(device.of('connack')[0]?.properties.serverKeepAlive).toBe(told);
    const held = Math.min(keepAlive === 0 ? 60 : keepAlive, 60) * 1500;
    wait(held - 1);
    expect(device.closed).toBe(false);
    wait(2);
    expect(device.of('disconnect')).toMatchObject([{ reason: 0x8d }]); // [MQTT-3.1.2-22]
  });

  it('is not for 3.x, which cannot be told: it has the keep-alive that it asked for', async () => {
    const { broker, wait } = fakeBroker({ limits: { maxKeepAliveS: 60 } });
    const device = await FakeDevice.connected(broker, { keepAlive: 120 });
    wait(179_999);
    expect(device.closed).toBe(false);
    wait(2);
    expect([device.closed, device.of('disconnect').length]).toEqual([true, 0]);
  });
});

describe('a payload that is not what its format indicator says', () => {
  const broken = Buffer.of(0xc3, 0x28);
  const sent = async (payloadFormat: 'pass' | 'check', qos: 0 | 1 | 2, payload: Buffer, indicator: 0 | 1 = 1) => {
    const { broker } = fakeBroker({ mqtt5: { payloadFormat } });
    const to = await FakeDevice.connected(broker, { version: 5, clientId: 'to' });
    to.subscribe('t', 2);
    const from = await FakeDevice.connected(broker, { version: 5, clientId: 'from' });
    const properties = { payloadFormatIndicator: indicator } as const;
    const packetId = qos === 0 ? -1 : 1;
    from.send({ type: 'publish', topic: 't', payload, qos, retain: false, dup: false, packetId, properties });
    await settled();
    const ack = from.of('puback')[0] ?? from.of('pubrec')[0];
    return { got: to.of('publish').length, reason: ack?.reason, closed: from.closed };
  };

  it('is refused with 0x99 where the setting wants it checked (3.3.2.3.2)', async () => {
    expect(await sent('check', 0, broken)).toEqual({ got: 0, reason: undefined, closed: false });
    expect(await sent('check', 1, broken)).toEqual({ got: 0, reason: 0x99, closed: false });
    expect(await sent('check', 2, broken)).toEqual({ got: 0, reason: 0x99, closed: false });
  });

  it('leaves its identifier free for a new message [MQTT-4.3.3-9]', async () => {
    const { broker } = fakeBroker({ mqtt5: { payloadFormat: 'check' } });
    const device = await FakeDevice.connected(broker, { version: 5 });
    device.subscribe('t', 0);
    const rest = { topic: 't', qos: 2, retain: false, dup: false, packetId: 7 } as const;
    device.send({ type: 'publish', ...rest, payload: broken, properties: { payloadFormatIndicator: 1 } });
    device.send({ type: 'publish', ...rest, payload: Buffer.from('new'), properties: {} });
    await settled();
    expect(device.of('pubrec').map(({ reason }) => reason)).toEqual([0x99, 0]);
    expect(device.payloads).toEqual(['new']);
  });

  it('is passed on as it is otherwise, and so is what says nothing of its format [MQTT-3.3.2-4]', async () => {
    expect(await sent('pass', 1, broken)).toMatchObject({ got: 1, reason: 0 });
    expect(await sent('check', 1, broken, 0)).toMatchObject({ got: 1, reason: 0 });
    expect(await sent('check', 1, Buffer.from('ü'))).toMatchObject({ got: 1, reason: 0 });
  });

  it('in a will is refused with the CONNECT', async () => {
    const will = {
      topic: 't',
      payload: broken,
      qos: 0,
      retain: false,
      properties: { payloadFormatIndicator: 1 },
    } as const;
    expect(await connackOf({ payloadFormat: 'check' }, { will })).toMatchObject({ reason: 0x99 });
    expect(await connackOf({}, { will })).toMatchObject({ reason: 0 });
  });
});

describe('the server ends a connection', () => {
  it('by an administrator with 0x98; the session stays', async () => {
    const { broker } = fakeBroker();
    const device = await FakeDevice.connected(broker, { version: 5, properties: { sessionExpiryInterval: 60 } });
    expect(broker.disconnect('default', 'device')).toBe(true);
    expect(device.of('disconnect')).toMatchObject([{ reason: 0x98 }]);
    expect(broker.clients('default')).toMatchObject([{ clientId: 'device', connected: false }]);
    expect(broker.disconnect('default', 'device')).toBe(false);
    expect(broker.disconnect('nowhere', 'device')).toBe(false);
  });

  it('whose client id another takes with 0x8e [MQTT-3.1.4-3]', async () => {
    const { broker } = fakeBroker();
    const first = await FakeDevice.connected(broker, { version: 5 });
    await FakeDevice.connected(broker, { version: 4 });
    expect(first.of('disconnect')).toMatchObject([{ reason: 0x8e }]);
  });

  it('that has too many messages of QoS 2 under way with 0x93 [MQTT-3.3.4-7]', async () => {
    const { broker } = fakeBroker({ limits: { receiveMaximum: 2 } });
    const device = await FakeDevice.connected(broker, { version: 5 });
    expect(device.of('connack')[0]?.properties.receiveMaximum).toBe(2);
    for (const id of [1, 2]) device.publish('t', 'x', 2, id);
    await settled();
    expect(device.closed).toBe(false);
    device.publish('t', 'x', 2, 3);
    expect(device.of('disconnect')).toMatchObject([{ reason: 0x93 }]);
  });

  it('not for QoS 1: however many come in one piece, all are acknowledged in their order [MQTT-4.3.2-4]', async () => {
    const { broker } = fakeBroker({ limits: { receiveMaximum: 2 } });
    // Its acknowledgements wait for the commit: a session that lasts gets the messages.
    const kept = { version: 5 as const, clientId: 'kept', properties: { sessionExpiryInterval: 60 } };
    (await FakeDevice.connected(broker, kept)).subscribe('t', 1);
    const device = await FakeDevice.connected(broker, { version: 5 });
    const ids = Array.from({ length: 50 }, (_, n) => n + 1);
    const all = ids.map((packetId) =>
      encodePacket(
        {
          type: 'publish',
          topic: 't',
          payload: Buffer.from('x'),
          qos: 1,
          retain: false,
          dup: false,
          packetId,
          properties: {},
        },
        5,
      ),
    );
    device.sendBytes(Buffer.concat(all));
    await settled();
    expect(device.of('puback').map(({ packetId }) => packetId)).toEqual(ids);
    expect(device.closed).toBe(false);
  });

  it('that sends a packet larger than was announced with 0x95 [MQTT-3.2.2-15]', async () => {
    const { broker } = fakeBroker({ limits: { maxPacketBytes: 2000 } });
    const device = await FakeDevice.connected(broker, { version: 5 });
    expect(device.of('connack')[0]?.properties.maximumPacketSize).toBe(2000);
    device.publish('t', 'x'.repeat(2000));
    expect(device.of('disconnect')).toMatchObject([{ reason: 0x95 }]);
  });

  it('with an alias above the announced maximum with 0x94, also where that is 0 [MQTT-3.2.2-17] [MQTT-3.2.2-18]', async () => {
    for (const topicAliasMaximum of [0, 3]) {
      const { broker } = fakeBroker({ limits: { topicAliasMaximum } });
      const device = await FakeDevice.connected(broker, { version: 5 });
      expect(device.of('connack')[0]?.properties.topicAliasMaximum ?? 0).toBe(topicAliasMaximum);
      const properties = { topicAlias: topicAliasMaximum + 1 };
      const rest = { qos: 0, retain: false, dup: false, packetId: -1 } as const;
      device.send({ type: 'publish', topic: 't', payload: Buffer.from('x'), ...rest, properties });
      expect(device.of('disconnect')).toMatchObject([{ reason: 0x94 }]);
    }
  });
});

describe('a message larger than a client takes', () => {
  it('is not sent to it, retained or new, at any QoS, and counted [MQTT-3.1.2-24] [MQTT-3.1.2-25]', async () => {
    for (const qos of [0, 1, 2] as const) {
      const { broker } = fakeBroker();
      const from = await FakeDevice.connected(broker, { version: 5, clientId: 'from' });
      from.publish('t', 'x'.repeat(200), qos, 1, true);
      const to = await FakeDevice.connected(broker, { version: 5, properties: { maximumPacketSize: 100 } });
      to.subscribe('t', qos);
      await settled();
      from.publish('t', 'y'.repeat(200), qos, 2);
      from.publish('t', 'fits', qos, 3);
      await settled();
      expect(to.payloads).toEqual(['fits']);
      expect(broker.clients('default').find(({ clientId }) => clientId === 'device')?.dropped).toBe(2);
    }
  });
});

describe('the session expiry', () => {
  it('beyond the ceiling is cut to it, and CONNACK tells the real one; else it is not mentioned (3.2.2.3.2)', async () => {
    for (const [wished, told] of [
      [50, undefined],
      [100, undefined],
      [101, 100],
      [0xffff_ffff, 100],
    ] as const) {
      const { broker } = fakeBroker({ limits: { maxSessionExpiryS: 100 } });
      const device = await FakeDevice.connected(broker, { version: 5, properties: { sessionExpiryInterval: wished } });
      expect(device.of('connack')[0]?.properties.sessionExpiryInterval).toBe(told);
      expect(broker.clients('default')[0]?.expiryS).toBe(Math.min(wished, 100));
    }
  });

  it('of a client that asked for one and got none may be named in DISCONNECT all the same [MQTT-3.14.2-2]', async () => {
    const { broker, lines } = fakeBroker({ limits: { maxSessionExpiryS: 0 } });
    const device = await FakeDevice.connected(broker, { version: 5, properties: { sessionExpiryInterval: 9 } });
    device.send({ type: 'disconnect', reason: 0, properties: { sessionExpiryInterval: 5 } });
    expect([device.of('disconnect'), broker.clients('default')]).toEqual([[], []]);
    expect(lines.filter(({ level }) => level === 'warn')).toEqual([]);
  });

  it('may be changed in DISCONNECT, up to the ceiling', async () => {
    const { broker, wait } = fakeBroker({ limits: { maxSessionExpiryS: 100 } });
    const device = await FakeDevice.connected(broker, { version: 5, properties: { sessionExpiryInterval: 1 } });
    device.send({ type: 'disconnect', reason: 0, properties: { sessionExpiryInterval: 500 } });
    expect(broker.clients('default')).toMatchObject([{ connected: false, expiryS: 100 }]);
    wait(99_000);
    expect(broker.clients('default')).toHaveLength(1);
    wait(1000);
    expect(broker.clients('default')).toHaveLength(0);
  });
});

describe('a string of a message that is no UTF-8', () => {
  it.each([
    ['response topic [MQTT-3.3.2-13]', 0x08],
    ['content type [MQTT-3.3.2-19]', 0x03],
  ])('as its %s ends the connection: 0x81', async (_what, identifier) => {
    const { broker } = fakeBroker();
    const device = await FakeDevice.connected(broker, { version: 5 });
    device.sendBytes(Buffer.of(0x30, 9, 0, 1, 0x74, 5, identifier, 0, 2, 0xc3, 0x28));
    expect(device.of('disconnect')).toMatchObject([{ reason: 0x81 }]);
  });
});

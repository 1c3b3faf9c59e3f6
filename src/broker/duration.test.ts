import { describe, expect, it } from 'vitest';
import { EMPTY_PROPERTIES } from '../codec/index.ts';
import { fakeBroker } from './testing/fake-broker.ts';
import { FakeDevice, settled } from './testing/fake-device.ts';

const DAY_MS = 24 * 3600 * 1000;

describe('a session', () => {
  it.each([
    ['3.1.1, clean', { version: 4, clean: true }],
    ['3.1.1, kept', { version: 4, clean: false }],
    ['5.0 without an expiry', { version: 5 }],
    ['5.0 with an expiry of a second', { version: 5, clean: false, properties: { sessionExpiryInterval: 1 } }],
  ] as const)(
    'of %s is not forgotten while its client is connected, however long [MQTT-4.1.0-1, MQTT3-4.1.0-2]',
    async (_, options) => {
      const { broker, wait } = fakeBroker();
      const device = await FakeDevice.connected(broker, options);
      device.subscribe('t', 1);
      for (let day = 0; day < 30; day++) wait(DAY_MS);
      const from = await FakeDevice.connected(broker, { clientId: 'from' });
      from.publish('t', 'still', 1);
      await settled();
      expect(device.payloads).toEqual(['still']);
      expect(device.closed).toBe(false);
    },
  );
});

describe('an exchange of QoS 2', () => {
  const five = { version: 5 as const };
  const expiring = { ...EMPTY_PROPERTIES, messageExpiryInterval: 2 };
  const publish = (device: FakeDevice, packetId: number): void =>
    device.send({
      type: 'publish',
      topic: 't',
      payload: Buffer.from('x'),
      qos: 2,
      retain: false,
      dup: false,
      packetId,
      properties: expiring,
    });
  const say = (device: FakeDevice, type: 'pubrec' | 'pubrel' | 'pubcomp', packetId: number): void =>
    device.send({ type, packetId, reason: 0, properties: EMPTY_PROPERTIES });

  it('from a client is finished though its message has expired before PUBREL [MQTT-4.3.3-13]', async () => {
    const { broker, wait } = fakeBroker();
    const from = await FakeDevice.connected(broker, { ...five, clientId: 'from' });
    publish(from, 7);
    await settled();
    wait(60_000);
    say(from, 'pubrel', 7);
    await settled();
    expect(from.of('pubrec')).toMatchObject([{ packetId: 7 }]);
    expect(from.of('pubcomp')).toMatchObject([{ packetId: 7, reason: 0 }]);
  });

  it('to a client goes on though its message has expired once it was sent [MQTT-4.3.3-7]', async () => {
    const { broker, wait } = fakeBroker();
    const kept = { ...five, clientId: 'to', clean: false, properties: { sessionExpiryInterval: 600 } };
    const to = await FakeDevice.connected(broker, kept);
    to.subscribe('t', 2);
    const from = await FakeDevice.connected(broker, { ...five, clientId: 'from' });
    publish(from, 7);
    await settled();
    const [sent] = to.of('publish');
    wait(60_000);
    to.drop();
    const again = await FakeDevice.connected(broker, kept);
    await settled();
    expect(again.of('publish')).toMatchObject([{ packetId: sent?.packetId, dup: true }]);
    say(again, 'pubrec', sent?.packetId ?? 0);
    await settled();
    expect(again.of('pubrel')).toMatchObject([{ packetId: sent?.packetId, reason: 0 }]);
    say(again, 'pubcomp', sent?.packetId ?? 0);
    await settled();
    again.drop();
    const last = await FakeDevice.connected(broker, kept);
    await settled();
    expect(last.of('publish')).toEqual([]);
  });
});

import { describe, expect, it } from 'vitest';
import { fakeBroker } from './testing/fake-broker.ts';
import { FakeDevice, settled } from './testing/fake-device.ts';

describe('a hint in the log', () => {
  it('says that umqtt has counted beyond 65,535, once, and keeps the connection (3.1.1, 2.3.1)', async () => {
    const { broker, lines } = fakeBroker();
    const device = await FakeDevice.connected(broker, { clientId: 'umqtt' });
    for (const id of [65_535, 0, 1, 0]) device.publish('t', 'x', 1, id);
    await settled();
    expect(device.of('puback').map(({ packetId }) => packetId)).toEqual([65_535, 0, 1, 0]);
    const told = lines.filter(({ fields }) => fields['hint'] === 'identifierZero');
    expect(told).toMatchObject([{ level: 'warn', fields: { client: 'umqtt', address: '127.0.0.1' } }]);
    expect(told[0]?.text).toContain('65,535');
  });

  it('is not given of 5.0, which refuses identifier 0 [MQTT-2.2.1-3]', async () => {
    const { broker } = fakeBroker();
    const device = await FakeDevice.connected(broker, { version: 5 });
    device.sendBytes(Buffer.from('3206000174000000', 'hex'));
    expect(device.of('disconnect')).toMatchObject([{ reason: 0x82 }]);
  });

  it('says that nobody calls ping(), when a keep-alive ends a client that never did', async () => {
    const { broker, lines, wait } = fakeBroker();
    const listener = await FakeDevice.connected(broker, { clientId: 'listener', keepAlive: 60 });
    const pinger = await FakeDevice.connected(broker, { clientId: 'pinger', keepAlive: 60 });
    pinger.send({ type: 'pingreq' });
    wait(90_500);
    expect([listener.closed, pinger.closed]).toEqual([true, true]);
    const told = lines.filter(({ fields }) => fields['hint'] === 'neverPinged');
    expect(told.map(({ fields }) => fields['client'])).toEqual(['listener']);
  });

  it.each([
    ['TLS', Buffer.from('16030102000100', 'hex'), /looks like TLS, and this port speaks without it/],
    ['HTTP', Buffer.from(`GET / HTTP/1.1\r\nHost: x\r\nAccept: ${'*'.repeat(80)}\r\n\r\n`), /looks like HTTP/],
    ['HTTP', Buffer.from('POST /a HTTP/1.1\r\n'), /looks like HTTP/],
  ])('says that it looks like %s and which port is meant', async (_, bytes, line) => {
    const { broker, lines } = fakeBroker();
    const device = new FakeDevice(broker);
    device.sendBytes(bytes);
    await settled();
    expect([device.closed, device.received]).toEqual([true, []]);
    expect(lines.at(-1)?.fields['why']).toMatch(line);
  });
});

import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { type RunningSonde, startSonde } from '../tooling/index.ts';
import { clientsOf, connectBytes, packet, publishBytes, subscribeBytes, u32 } from './client.ts';

/** What a server of 5.0 tells its clients beyond what they ask, as its settings say. */
describe('a server with settings of its own', () => {
  let sonde: RunningSonde;
  const clients = clientsOf(() => sonde.mqttPort);
  beforeAll(async () => {
    sonde = await startSonde({
      args: ['--limit', 'maxKeepAliveS=1', '--limit', 'maxSessionExpiryS=50', '--limit', 'receiveMaximum=3'],
      env: {
        SONDE_MQTT5_RESPONSE_INFORMATION: 'answers/%c',
        SONDE_MQTT5_SERVER_REFERENCE: 'other.example:1883',
        SONDE_MQTT5_PAYLOAD_FORMAT: 'check',
      },
    });
  });
  afterAll(() => sonde?.stop());
  afterEach(() => clients.closeAll());

  it('tells Response Information to who asks for it, and to no other [MQTT-3.1.2-28]', async () => {
    const asks = await clients.connect({ id: 'asks', properties: [0x19, 1] });
    expect(asks.connack.properties.responseInformation).toBe('answers/asks');
    const silent = await clients.connect({ id: 'silent', properties: [0x19, 0] });
    expect(silent.connack.properties.responseInformation).toBeUndefined();
  });

  it('ends a connection that is silent beyond the keep-alive that it was told: 0x8d [MQTT-3.2.2-21] [MQTT-3.1.2-22]', async () => {
    const client = await clients.connect({ keepAlive: 600 });
    expect(client.connack.properties.serverKeepAlive).toBe(1);
    expect(await client.end()).toMatchObject([{ type: 'disconnect', reason: 0x8d }]);
  });

  it('tells the session expiry that holds, and takes no new one in DISCONNECT where CONNECT had none (3.14.2.2.2)', async () => {
    const long = await clients.connect({ id: 'long', properties: [0x11, ...u32(1000)] });
    expect(long.connack.properties.sessionExpiryInterval).toBe(50);
    const none = await clients.connect({ id: 'none' });
    none.send(packet(0xe0, [0], [5, 0x11, ...u32(10)]));
    expect(await none.end()).toMatchObject([{ type: 'disconnect', reason: 0x82 }]);
  });

  it('refuses a payload that is not the UTF-8 that it says it is (3.3.2.3.2)', async () => {
    const client = await clients.connect();
    client.send(publishBytes(5, 'text', Buffer.of(0xff), { qos: 1, properties: [0x01, 1] }));
    expect(await client.take('puback')).toMatchObject({ reason: 0x99 });
  });

  it('counts QoS 2 messages under way against its own Receive Maximum: 0x93 [MQTT-3.3.4-7]', async () => {
    const client = await clients.connect();
    expect(client.connack.properties.receiveMaximum).toBe(3);
    for (let id = 1; id <= 4; id++) client.send(publishBytes(5, 'greedy', 'x', { qos: 2, id }));
    expect((await client.end()).at(-1)).toMatchObject({ type: 'disconnect', reason: 0x93 });
  });

  it('gives words with a refusal, unless the client wants none [MQTT-3.1.2-29] or has no room [MQTT-3.9.2-1]', async () => {
    const filter = 'a/#/and-more-behind-the-wildcard';
    const refused = async (properties: readonly number[]) => {
      const client = await clients.connect({ id: 'short', properties });
      client.send(subscribeBytes(5, 1, [[filter, 0]]));
      return (await client.take('suback')).properties;
    };
    expect((await refused([])).reasonString).toContain(filter);
    expect((await refused([0x17, 1, 0x27, ...u32(100)])).reasonString).toContain(filter);
    expect(await refused([0x17, 0])).toEqual({});
    expect(await refused([0x27, ...u32(40)])).toEqual({});
  });

  it('refuses a CONNECT with CONNACK and no DISCONNECT [MQTT-3.14.0-1]', async () => {
    const client = await clients.open(5);
    client.send(connectBytes({ will: { topic: '$SYS/x' } }));
    expect(await client.end()).toMatchObject([{ type: 'connack', reason: 0x87 }]);
  });
});

describe('a server that stops', () => {
  it.each([
    [{}, 0x8b],
    [{ SONDE_MQTT5_SERVER_REFERENCE: 'other.example:1883' }, 0x9c],
  ])('with %j says %i to clients of 5.0 (4.11), and closes those of 3.x', async (env, reason) => {
    const sonde = await startSonde({ env });
    const clients = clientsOf(() => sonde.mqttPort);
    const five = await clients.connect({ level: 5 });
    const four = await clients.connect({ level: 4 });
    await sonde.stop();
    const [disconnect] = await five.end();
    expect(disconnect).toMatchObject({ type: 'disconnect', reason });
    expect(disconnect?.type === 'disconnect' && disconnect.properties.serverReference).toBe(
      reason === 0x9c ? 'other.example:1883' : undefined,
    );
    expect(await four.end()).toEqual([]);
    clients.closeAll();
  });

  it('with another server named for now refuses every CONNECT: 0x9c, and 3 in 3.x (4.11)', async () => {
    const env = { SONDE_MQTT5_SERVER_REFERENCE: 'other.example:1883', SONDE_MQTT5_SERVER_REFERENCE_WHEN: 'now' };
    const sonde = await startSonde({ env });
    const clients = clientsOf(() => sonde.mqttPort);
    for (const level of [4, 5] as const) {
      const client = await clients.open(level);
      client.send(connectBytes({ level }));
      expect(await client.end()).toMatchObject([{ type: 'connack', reason: level === 5 ? 0x9c : 0x88 }]);
    }
    clients.closeAll();
    await sonde.stop();
  });
});

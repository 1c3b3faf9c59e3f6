import { connect, type IClientOptions, type IConnackPacket, type MqttClient } from 'mqtt';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { type RunningSonde, startSonde, waitFor } from '../tooling/index.ts';

type Got = { readonly topic: string; readonly payload: string; readonly qos: number; readonly retain: boolean };

const doors = ['tcp', 'websocket'] as const;
const protocols = [
  ['3.1', 3],
  ['3.1.1', 4],
  ['5.0', 5],
] as const;

describe('MQTT.js', () => {
  let sonde: RunningSonde;
  const clients: MqttClient[] = [];
  let serial = 0;

  beforeAll(async () => {
    sonde = await startSonde();
  });
  afterAll(() => sonde?.stop());
  afterEach(async () => {
    await Promise.all(clients.splice(0).map((client) => client.endAsync(true)));
  });

  const newTopic = () => `interop/mqttjs/${serial++}`;

  async function open(door: (typeof doors)[number], options: IClientOptions) {
    const url = door === 'tcp' ? `mqtt://127.0.0.1:${sonde.mqttPort}` : sonde.wsUrl;
    const version3 = options.protocolVersion === 3 ? ({ protocolId: 'MQIsdp' } as const) : {};
    const client = connect(url, {
      clientId: `js-${serial++}`,
      reconnectPeriod: 0,
      connectTimeout: 5000,
      ...version3,
      ...options,
    });
    clients.push(client);
    // Before CONNACK: what a session has queued follows it at once.
    const got: Got[] = [];
    client.on('message', (topic, payload, { qos, retain }) =>
      got.push({ topic, payload: payload.toString(), qos, retain }),
    );
    const connack = await new Promise<IConnackPacket>((resolve, reject) => {
      client.once('connect', resolve);
      client.once('error', reject);
      client.once('close', () => reject(new Error('closed before CONNACK')));
    });
    return { client, got, connack };
  }

  describe.each(doors)('over %s', (door) => {
    describe.each(protocols)('MQTT %s', (_, protocolVersion) => {
      it('moves QoS 0, 1 and 2 in both directions', async () => {
        const topic = newTopic();
        const { client, got } = await open(door, { protocolVersion });
        const granted = await client.subscribeAsync(topic, { qos: 2 });
        expect(granted.map(({ qos }) => qos)).toEqual([2]);
        for (const qos of [0, 1, 2] as const) await client.publishAsync(topic, `value ${qos}`, { qos });
        await waitFor('three messages', () => got.length === 3);
        expect(got).toEqual([0, 1, 2].map((qos) => ({ topic, payload: `value ${qos}`, qos, retain: false })));
      });

      it('finds a persistent session again with what came meanwhile', async () => {
        const topic = newTopic();
        const clientId = `stay-${serial++}`;
        const options: IClientOptions = {
          protocolVersion,
          clientId,
          clean: false,
          ...(protocolVersion === 5 ? { properties: { sessionExpiryInterval: 600 } } : {}),
        };
        const first = await open(door, options);
        await first.client.subscribeAsync(topic, { qos: 1 });
        await first.client.endAsync();
        const other = await open(door, { protocolVersion });
        await other.client.publishAsync(topic, 'meanwhile', { qos: 1 });
        const again = await open(door, options);
        await waitFor('the queued message', () => again.got.length === 1);
        expect(again.got[0]?.payload).toBe('meanwhile');
      });
    });

    it('moves a payload of 1 MiB and an empty one', async () => {
      const topic = newTopic();
      const { client, got } = await open(door, { protocolVersion: 4 });
      await client.subscribeAsync(topic, { qos: 1 });
      const large = 'x'.repeat(1024 * 1024);
      await client.publishAsync(topic, large, { qos: 1 });
      await client.publishAsync(topic, '', { qos: 1 });
      await waitFor('both', () => got.length === 2);
      expect(got[0]?.payload === large).toBe(true);
      expect(got[1]?.payload).toBe('');
    });

    it('is taken over by a newcomer with its client id', async () => {
      const clientId = `twin-${serial++}`;
      const first = await open(door, { protocolVersion: 5, clientId });
      const ended = new Promise<number | undefined>((resolve) =>
        first.client.once('disconnect', (packet) => resolve(packet.reasonCode)),
      );
      const second = await open(door, { protocolVersion: 5, clientId });
      expect(await ended).toBe(0x8e);
      await waitFor('the first to be closed', () => !first.client.connected);
      expect(second.client.connected).toBe(true);
    });
  });

  it('sends from TCP to WebSocket and back', async () => {
    const topic = newTopic();
    const tcp = await open('tcp', { protocolVersion: 4 });
    const socket = await open('websocket', { protocolVersion: 5 });
    await tcp.client.subscribeAsync(`${topic}/to-tcp`, { qos: 1 });
    await socket.client.subscribeAsync(`${topic}/to-ws`, { qos: 1 });
    await tcp.client.publishAsync(`${topic}/to-ws`, 'a', { qos: 1 });
    await socket.client.publishAsync(`${topic}/to-tcp`, 'b', { qos: 1 });
    await waitFor('both', () => tcp.got.length === 1 && socket.got.length === 1);
    expect([tcp.got[0]?.payload, socket.got[0]?.payload]).toEqual(['b', 'a']);
  });

  it.each(protocols)(
    'shares a subscription over both doors in MQTT %s: each message once (4.8.2)',
    async (_, protocolVersion) => {
      const topic = newTopic();
      const members = [await open('tcp', { protocolVersion }), await open('websocket', { protocolVersion })];
      for (const { client } of members) {
        const [granted] = await client.subscribeAsync(`$share/g/${topic}`, { qos: 2 });
        expect(granted?.qos).toBe(2);
      }
      const { client } = await open('tcp', { protocolVersion });
      const sent = Array.from({ length: 300 }, (_, n) => `value ${n}`);
      await Promise.all(sent.map((text, n) => client.publishAsync(topic, text, { qos: (n % 3) as 0 | 1 | 2 })));
      const all = () => members.flatMap(({ got }) => got.map(({ payload }) => payload));
      await waitFor('all messages', () => all().length >= sent.length);
      expect(all().sort()).toEqual([...sent].sort());
      for (const { got } of members) expect(got.length).toBeGreaterThan(50);
    },
  );

  it('is given a client id when it has none, and told which (MQTT 5.0)', async () => {
    const one = await open('tcp', { protocolVersion: 5, clientId: '' });
    const two = await open('tcp', { protocolVersion: 5, clientId: '' });
    const given = [one, two].map(({ connack }) => connack.properties?.assignedClientIdentifier ?? '');
    expect(given.every((id) => id.length > 0)).toBe(true);
    expect(given[0]).not.toBe(given[1]);
  });

  it('hears why a subscription is no subscription', async () => {
    const { client } = await open('tcp', { protocolVersion: 4 });
    await expect(client.subscribeAsync('a/#/b')).rejects.toThrow('a/#/b');
  });
});

import { fileURLToPath } from 'node:url';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { type RunningSonde, startSonde } from '../tooling/index.ts';
import { clientsOf, publishBytes } from './client.ts';

const example = fileURLToPath(new URL('../../docs/examples/paho-suite.yaml', import.meta.url));

/** The configuration for strict test suites that the repository ships, as they see it. */
describe('docs/examples/paho-suite.yaml', () => {
  let sonde: RunningSonde;
  const clients = clientsOf(() => sonde.mqttPort);
  beforeAll(async () => {
    sonde = await startSonde({ args: ['--config', example] });
  });
  afterAll(() => sonde?.stop());
  afterEach(() => clients.closeAll());

  it('announces its receive maximum, its aliases and a keep-alive of 60 to who asks for 120 or none [MQTT-3.2.2-21]', async () => {
    for (const keepAlive of [120, 0]) {
      const client = await clients.connect({ keepAlive });
      expect(client.connack.properties).toMatchObject({
        serverKeepAlive: 60,
        receiveMaximum: 20,
        topicAliasMaximum: 10,
      });
    }
    const modest = await clients.connect({ keepAlive: 60 });
    expect(modest.connack.properties.serverKeepAlive).toBeUndefined();
  });

  it('refuses test/nosubscribe without a reason, and a wider filter leaves it out', async () => {
    for (const level of [4, 5] as const) {
      const client = await clients.connect({ level });
      expect(await client.subscribe('test/nosubscribe', 2)).toBe(0x80);
      expect(await client.subscribe('test/+', 0)).toBe(0);
      const from = await clients.connect({ level });
      await from.publish('test/nosubscribe', 'hidden', { qos: 1 });
      await from.publish('test/else', 'seen', { qos: 1 });
      expect((await client.drain()).map((each) => each.type === 'publish' && each.payload.toString())).toEqual([
        'seen',
      ]);
    }
  });

  it('ends a connection with more than 20 messages of QoS 2 under way: 0x93', async () => {
    const client = await clients.connect();
    for (let id = 1; id <= 21; id++) client.send(publishBytes(5, 'greedy', 'x', { qos: 2, id }));
    expect((await client.end()).at(-1)).toMatchObject({ type: 'disconnect', reason: 0x93 });
  });
});

import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { type RunningSonde, startSonde } from '../tooling/index.ts';
import {
  type Client,
  clientsOf,
  connectBytes,
  DISCONNECT,
  LEVELS,
  type Level,
  packet,
  u32,
  type WillSpec,
} from './client.ts';

let sonde: RunningSonde;
const clients = clientsOf(() => sonde.mqttPort);
beforeAll(async () => {
  sonde = await startSonde();
});
afterAll(() => sonde?.stop());
afterEach(() => clients.closeAll());

let serial = 0;
async function withWill(
  level: Level,
  will: Partial<WillSpec> = {},
  spec: { keepAlive?: number; clean?: boolean; properties?: Buffer } = {},
): Promise<{ mortal: Client; heir: Client; topic: string; id: string }> {
  serial += 1;
  const topic = `will/${serial}`;
  const heir = await clients.connect({ level: 5, id: `heir-${serial}` });
  await heir.subscribe(topic, 2);
  const id = `mortal-${serial}`;
  const mortal = await clients.connect({ level, id, will: { topic, payload: 'gone', ...will }, ...spec });
  return { mortal, heir, topic, id };
}

describe('a will', () => {
  it.each(LEVELS)(
    'at level %i is published when the connection drops [MQTT-3.1.2-7, 8, 14, MQTT3-3.1.2-8, 16]',
    async (level) => {
      const { mortal, heir, topic } = await withWill(level, { qos: 1 });
      mortal.destroy();
      const got = await heir.take('publish');
      expect(got).toMatchObject({ topic, qos: 1, retain: false });
      expect(got.payload.toString()).toBe('gone');
      expect(await heir.drain()).toEqual([]);
      // Without Will Retain it is not kept for who comes later.
      const late = await clients.connect({ level, id: `late-${topic}` });
      await late.subscribe(topic, 2);
      expect(await late.drain()).toEqual([]);
    },
  );

  it.each(LEVELS)('at level %i is published after a protocol error', async (level) => {
    const { mortal, heir } = await withWill(level);
    mortal.send(packet(0x36, [0, 1, 0x61, 0, 1, 0]));
    expect((await heir.take('publish')).payload.toString()).toBe('gone');
  });

  it('is published when the keep-alive is over', async () => {
    const all = await Promise.all(LEVELS.map((level) => withWill(level, {}, { keepAlive: 1 })));
    for (const { heir } of all) expect((await heir.take('publish')).payload.toString()).toBe('gone');
  });

  it.each(LEVELS)('at level %i is published when another connection takes the client id', async (level) => {
    const { heir, id } = await withWill(level);
    await clients.connect({ level, id });
    expect((await heir.take('publish')).payload.toString()).toBe('gone');
  });

  it.each(LEVELS)(
    'at level %i is forgotten with DISCONNECT [MQTT-3.1.2-8, 10, MQTT-3.14.4-3, MQTT3-3.1.2-8, 10, MQTT3-3.14.4-3]',
    async (level) => {
      const { mortal, heir, id } = await withWill(level);
      mortal.send(DISCONNECT);
      await mortal.end();
      expect(await heir.drain()).toEqual([]);
      // Also by the next connection of the same client.
      (await clients.connect({ level, id, clean: false })).destroy();
      await clients.connect({ level, id, clean: false });
      expect(await heir.drain()).toEqual([]);
    },
  );

  it.each([0x04, 0x80, 0x83, 0x97])(
    'of 5.0 is published after DISCONNECT with any other reason than 0: 0x%s [MQTT-3.14.4-3]',
    async (reason) => {
      const { mortal, heir } = await withWill(5);
      mortal.send(packet(0xe0, [reason]));
      expect((await heir.take('publish')).payload.toString()).toBe('gone');
    },
  );

  it('may be empty, and large', async () => {
    const empty = await withWill(4, { payload: '' });
    empty.mortal.destroy();
    expect((await empty.heir.take('publish')).payload).toHaveLength(0);
    const large = await withWill(4, { payload: 'x'.repeat(65_535) });
    large.mortal.destroy();
    expect((await large.heir.take('publish')).payload).toHaveLength(65_535);
  });

  it.each([4, 5] as const)(
    'at level %i that is to be retained is kept for those who come later [MQTT-3.1.2-15, MQTT3-3.1.2-17]',
    async (level) => {
      const { mortal, heir, topic } = await withWill(level, { retain: true });
      mortal.destroy();
      expect((await heir.take('publish')).retain).toBe(false);
      const late = await clients.connect({ level, id: 'late-heir' });
      await late.subscribe(topic);
      expect(await late.take('publish')).toMatchObject({ retain: true, topic });
    },
  );

  it('of 5.0 passes its message properties on, user properties in their order [MQTT-3.1.3-10]', async () => {
    const properties = Buffer.concat([
      Buffer.from([0x01, 1, 0x02, ...u32(60), 0x03, 0, 2, 0x61, 0x62, 0x08, 0, 1, 0x72, 0x09, 0, 1, 7]),
      Buffer.from([0x26, 0, 1, 0x6b, 0, 1, 0x76, 0x26, 0, 1, 0x61, 0, 1, 0x62, 0x26, 0, 1, 0x6b, 0, 0]),
    ]);
    const { mortal, heir } = await withWill(5, { properties });
    mortal.destroy();
    expect((await heir.take('publish')).properties).toMatchObject({
      payloadFormatIndicator: 1,
      contentType: 'ab',
      responseTopic: 'r',
      correlationData: Buffer.of(7),
      userProperties: [
        ['k', 'v'],
        ['a', 'b'],
        ['k', ''],
      ],
    });
  });

  it('of 5.0 with a delay waits for it [MQTT-3.1.2-8]', async () => {
    const kept = { clean: false, properties: Buffer.from([0x11, ...u32(60)]) };
    const { mortal, heir } = await withWill(5, { properties: [0x18, ...u32(1)] }, kept);
    const since = performance.now();
    mortal.destroy();
    await heir.take('publish');
    expect(performance.now() - since).toBeGreaterThan(900);
  });

  it('of 5.0 with a delay is forgotten when the client comes back in time [MQTT-3.1.3-9]', async () => {
    const kept = { clean: false, properties: Buffer.from([0x11, ...u32(60)]) };
    const { mortal, heir, id } = await withWill(5, { properties: [0x18, ...u32(1)] }, kept);
    mortal.destroy();
    await clients.connect({ id, ...kept });
    const watch = await withWill(5, { properties: [0x18, ...u32(2)] }, kept);
    watch.mortal.destroy();
    await watch.heir.take('publish'); // the later one has come: the earlier one never will
    expect(await heir.drain()).toEqual([]);
  });

  it('of 5.0 with a delay is published at once when the session ends [MQTT-3.1.2-8]', async () => {
    const ending = await withWill(5, { properties: [0x18, ...u32(600)] });
    ending.mortal.destroy();
    await ending.heir.take('publish');
    const kept = { clean: false, properties: Buffer.from([0x11, ...u32(600)]) };
    const cleared = await withWill(5, { properties: [0x18, ...u32(600)] }, kept);
    cleared.mortal.destroy();
    expect(await cleared.heir.drain()).toEqual([]);
    await clients.connect({ id: cleared.id, clean: true });
    await cleared.heir.take('publish');
  });

  it.each(['$SYS/broker/uptime', '$SYS', '$share/group/a', '$sonde/topology'])(
    "to %s, which is the server's own, is refused with the CONNECT",
    async (topic) => {
      serial += 1;
      const client = await clients.open(5);
      client.send(connectBytes({ id: `usurper-${serial}`, will: { topic, payload: 'x', retain: true } }));
      expect(await client.end()).toMatchObject([{ type: 'connack', reason: 0x87 }]);
    },
  );
});

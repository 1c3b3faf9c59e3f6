import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { type RunningSonde, startSonde, waitFor } from '../tooling/index.ts';
import { clientsOf, DISCONNECT, LEVELS, type Level, PINGREQ, packet, u32 } from './client.ts';

describe('a client id that is used twice', () => {
  let sonde: RunningSonde;
  const clients = clientsOf(() => sonde.mqttPort);
  beforeAll(async () => {
    sonde = await startSonde();
  });
  afterAll(() => sonde?.stop());
  afterEach(() => clients.closeAll());

  it.each(LEVELS)(
    'at level %i: the first connection ends, in 5.0 with reason 0x8e [MQTT-3.1.4-3, MQTT3-3.1.4-2]',
    async (level) => {
      const first = await clients.connect({ level, id: 'twice' });
      const second = await clients.connect({ level, id: 'twice' });
      const last = await first.end();
      expect(last).toMatchObject(level === 5 ? [{ type: 'disconnect', reason: 0x8e }] : []);
      expect(await second.drain()).toEqual([]);
    },
  );

  it('passes the session on with what waits in it, whole and in order [MQTT3-4.4.0-1, MQTT3-4.6.0-1]', async () => {
    const publisher = await clients.connect({ level: 4, id: 'twice-pub' });
    const first = await clients.connect({ level: 4, id: 'passed-on', clean: false });
    await first.subscribe('passed/on', 1);
    for (let n = 0; n < 20; n++) await publisher.publish('passed/on', String(n), { qos: 1 });
    // None of the twenty was acknowledged: all come again to the one that took over, marked as such [MQTT-4.4.0-1].
    const second = await clients.connect({ level: 4, id: 'passed-on', clean: false });
    expect(second.connack.sessionPresent).toBe(true);
    const again = await second.drain();
    expect(again.map((each) => each.type === 'publish' && `${each.payload} ${each.dup}`)).toEqual(
      Array.from({ length: 20 }, (_, n) => `${n} true`),
    );
  });

  it('goes through a storm of take-overs without losing or doubling a subscription', async () => {
    const publisher = await clients.connect({ level: 4, id: 'storm-pub' });
    let last = await clients.connect({ level: 4, id: 'storm', clean: false });
    await last.subscribe('storm/#', 0);
    for (let round = 0; round < 50; round++) last = await clients.connect({ level: 4, id: 'storm', clean: false });
    await publisher.publish('storm/a', 'once');
    expect(await last.drain()).toMatchObject([{ type: 'publish', topic: 'storm/a' }]);
  });
});

describe('a session', () => {
  let sonde: RunningSonde;
  const clients = clientsOf(() => sonde.mqttPort);
  beforeAll(async () => {
    sonde = await startSonde();
  });
  afterAll(() => sonde?.stop());
  afterEach(() => clients.closeAll());

  async function isKept(id: string, level: Level): Promise<boolean> {
    const client = await clients.connect({ level, id, clean: false });
    client.send(DISCONNECT);
    await client.end();
    return client.connack.sessionPresent;
  }

  it('of 3.1.1 lives on unless it is clean, and a clean one ends it [MQTT3-3.1.2-4, 6, MQTT3-3.1.4-3, MQTT3-3.2.2-1..3, MQTT3-4.1.0-1]', async () => {
    const first = await clients.connect({ level: 4, id: 'kept', clean: false });
    expect(first.connack.sessionPresent).toBe(false);
    await first.subscribe('kept/a', 1);
    first.destroy();
    expect(await isKept('kept', 4)).toBe(true);
    const clean = await clients.connect({ level: 4, id: 'kept', clean: true });
    expect(clean.connack.sessionPresent).toBe(false);
    clean.send(DISCONNECT);
    await clean.end();
    expect(await isKept('kept', 4)).toBe(false);
  });

  it('of 3.1 lives on as well, though its CONNACK has no word for it', async () => {
    const publisher = await clients.connect({ level: 3, id: 'old-pub' });
    const first = await clients.connect({ level: 3, id: 'old', clean: false });
    await first.subscribe('old/a', 1);
    first.send(DISCONNECT);
    await first.end();
    await publisher.publish('old/a', 'while it was away', { qos: 1 });
    const again = await clients.connect({ level: 3, id: 'old', clean: false });
    expect(again.connack.sessionPresent).toBe(false);
    expect((await again.take('publish')).payload.toString()).toBe('while it was away');
  });

  it('of 5.0 without an expiry ends with its connection [MQTT-4.1.0-2]', async () => {
    const client = await clients.connect({ id: 'short', clean: false });
    client.send(DISCONNECT);
    await client.end();
    expect(await isKept('short', 5)).toBe(false);
  });

  it('of 5.0 lives for its expiry, then it is gone [MQTT-3.1.2-5, 23, MQTT-3.2.2-3, MQTT-4.1.0-2]', async () => {
    const properties = [0x11, ...u32(1)];
    const client = await clients.connect({ id: 'second', clean: false, properties });
    client.destroy();
    const again = await clients.connect({ id: 'second', clean: false, properties });
    expect(again.connack.sessionPresent).toBe(true);
    again.destroy();
    await waitFor(
      'the session to expire',
      async () => {
        const all = (await (await fetch(`${sonde.url}/api/v1/clients`)).json()) as { clients: { clientId: string }[] };
        return all.clients.every(({ clientId }) => clientId !== 'second');
      },
      5000,
    );
    expect(await isKept('second', 5)).toBe(false);
  });

  it('of 5.0 may shorten its expiry in DISCONNECT, but not begin one there (3.14.2.2.2)', async () => {
    const long = await clients.connect({ id: 'shortened', clean: false, properties: [0x11, ...u32(1000)] });
    long.send(packet(0xe0, [0], [5, 0x11, ...u32(0)]));
    await long.end();
    expect(await isKept('shortened', 5)).toBe(false);

    const none = await clients.connect({ id: 'begun', clean: false });
    none.send(packet(0xe0, [0], [5, 0x11, ...u32(10)]));
    expect(await none.end()).toMatchObject([{ type: 'disconnect', reason: 0x82 }]);
    expect(await isKept('begun', 5)).toBe(false);
  });

  it('ends after one and a half keep-alive times of silence, not before [MQTT-3.1.2-22, MQTT-3.2.2-22, MQTT3-3.1.2-24]', async () => {
    const watch = async (level: Level): Promise<void> => {
      const lazy = await clients.connect({ level, id: `lazy-${level}`, keepAlive: 1 });
      const busy = await clients.connect({ level, id: `busy-${level}`, keepAlive: 1 });
      const since = performance.now();
      const pings = setInterval(() => busy.send(PINGREQ), 500);
      try {
        const last = await lazy.end();
        const afterMs = performance.now() - since;
        expect(last).toMatchObject(level === 5 ? [{ type: 'disconnect', reason: 0x8d }] : []);
        expect(afterMs).toBeGreaterThan(1400);
        expect(afterMs).toBeLessThan(3500);
        expect(busy.socket.destroyed).toBe(false);
      } finally {
        clearInterval(pings);
      }
      await waitFor('the log line', () => sonde.log().includes(`lazy-${level}`));
    };
    await Promise.all(LEVELS.map(watch));
  });
});

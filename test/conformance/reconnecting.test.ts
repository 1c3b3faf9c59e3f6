import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import type { Packet } from '../../src/codec/index.ts';
import { type RunningSonde, startSonde } from '../tooling/index.ts';
import {
  ackBytes,
  type Client,
  type ConnectSpec,
  clientsOf,
  LEVELS,
  type Level,
  publishBytes,
  u16,
  u32,
} from './client.ts';

let sonde: RunningSonde;
const clients = clientsOf(() => sonde.mqttPort);
beforeAll(async () => {
  sonde = await startSonde();
});
afterAll(() => sonde?.stop());
afterEach(() => clients.closeAll());

function kept(level: Level, id: string, more: readonly number[] = []): ConnectSpec {
  return { level, id, clean: false, ...(level === 5 ? { properties: [0x11, ...u32(1000), ...more] } : {}) };
}

async function cut(client: Client): Promise<void> {
  const closed = new Promise((resolve) => client.socket.once('close', resolve));
  client.destroy();
  await closed;
}

/** Until nothing more comes: what waits in the queue is read in pages, so it may come after a PINGRESP. */
async function drainAll(client: Client): Promise<readonly Packet[]> {
  const all: Packet[] = [];
  // What waits comes from the disk in pages, and QoS 2 after a sync: an answer to a ping may overtake it.
  for (let quiet = 0; quiet < 4; ) {
    const some = await client.drain();
    quiet = some.length === 0 ? quiet + 1 : 0;
    all.push(...some);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  return all;
}

describe('the order of each topic', () => {
  /** Acknowledges part of what came, differently each time, and answers what an honest receiver would have kept. */
  it.each([
    [3, 1],
    [4, 1],
    [5, 1],
    [4, 2],
    [5, 2],
  ] as const)(
    'at level %i and QoS %i is kept through ten reconnects; DUP is on what was sent before, and on nothing else [MQTT-3.3.1-1, MQTT-4.4.0-1, MQTT-4.6.0-5, MQTT3-3.3.1-1, MQTT3-4.4.0-1, MQTT3-4.6.0-1]',
    async (level, qos) => {
      const id = `order-${level}-${qos}`;
      // 5.0 with a window of 20, so that most of it waits in the queue.
      const spec = kept(level, id, [0x21, ...u16(20)]);
      const from = await clients.connect({ level: 4, id: `${id}-from` });
      let to = await clients.connect(spec);
      await to.subscribe(`${id}/+`, qos);
      const topics = [`${id}/a`, `${id}/b`, `${id}/c`];
      const sent = new Map(topics.map((topic) => [topic, [] as string[]]));
      const publish = async (count: number): Promise<void> => {
        for (let n = 0; n < count; n++) {
          const topic = topics[n % topics.length] as string;
          const list = sent.get(topic) as string[];
          list.push(String(list.length));
          await from.publish(topic, String(list.length - 1), { qos });
        }
      };

      const got = new Map(topics.map((topic) => [topic, [] as string[]]));
      /** Identifiers that this client has seen and that the broker may still send. */
      const open = new Set<number>();
      await publish(60);
      for (let round = 0; round < 40; round++) {
        if (round < 10) await publish(9);
        const packets = await drainAll(to);
        if (packets.length === 0 && open.size === 0) break;
        let answered = 0;
        for (const each of packets) {
          if (each.type === 'pubrel') {
            to.send(ackBytes('pubcomp', each.packetId));
            open.delete(each.packetId);
          }
          if (each.type !== 'publish') continue;
          expect(each.dup).toBe(open.has(each.packetId));
          if (!open.has(each.packetId)) got.get(each.topic)?.push(each.payload.toString());
          open.add(each.packetId);
          // Some stay open over the next reconnect, until no more is published.
          if (round < 10 && (answered++ + round) % 3 === 0) continue;
          to.send(ackBytes(qos === 1 ? 'puback' : 'pubrec', each.packetId));
          if (qos === 1) open.delete(each.packetId);
        }
        if (round >= 10) continue;
        // What was answered has arrived; then the connection goes without a word.
        for (const late of await drainAll(to)) {
          if (late.type === 'pubrel') continue;
          if (late.type !== 'publish') throw new Error(`unexpected ${late.type}`);
          expect(late.dup).toBe(open.has(late.packetId));
          if (!open.has(late.packetId)) got.get(late.topic)?.push(late.payload.toString());
          open.add(late.packetId);
        }
        await cut(to);
        to = await clients.connect(spec);
        expect(to.connack.sessionPresent).toBe(level > 3);
      }
      expect(open.size).toBe(0);
      for (const topic of topics) expect(got.get(topic)).toEqual(sent.get(topic));
    },
  );

  it.each(LEVELS)(
    'at level %i: PUBACK, PUBREC and PUBCOMP come in the order of what they answer (5.0 asks it of clients alone) [MQTT3-4.6.0-2, 3]',
    async (level) => {
      const client = await clients.connect({ level, id: `answers-${level}` });
      const ids = [9, 3, 65_535, 1, 500, 2];
      client.send(...ids.map((id) => publishBytes(level, 'answers', 'x', { qos: 1, id })));
      for (const packetId of ids) expect(await client.take('puback')).toMatchObject({ packetId });
      client.send(...ids.map((id) => publishBytes(level, 'answers', 'x', { qos: 2, id })));
      for (const packetId of ids) expect(await client.take('pubrec')).toMatchObject({ packetId });
      client.send(...ids.map((id) => ackBytes('pubrel', id)));
      for (const packetId of ids) expect(await client.take('pubcomp')).toMatchObject({ packetId });
    },
  );

  it('of PUBREL is that of the PUBRECs [MQTT3-4.6.0-4]', async () => {
    const from = await clients.connect({ level: 4, id: 'rel-from' });
    const to = await clients.connect({ level: 4, id: 'rel-to' });
    await to.subscribe('rel', 2);
    for (let n = 0; n < 5; n++) await from.publish('rel', String(n), { qos: 2 });
    const ids = (await to.drain()).map((each) => (each.type === 'publish' ? each.packetId : 0)).reverse();
    to.send(...ids.map((id) => ackBytes('pubrec', id)));
    for (const packetId of ids) expect(await to.take('pubrel')).toMatchObject({ packetId });
  });
});

describe('what was refused by its receiver', () => {
  it.each([
    ['PUBACK', 1, 0x40],
    ['PUBREC', 2, 0x50],
  ] as const)('with %s of a reason of 0x80 or more is not sent again [MQTT-4.4.0-2]', async (_, qos, firstByte) => {
    const from = await clients.connect({ id: `refused-from-${qos}` });
    const spec = kept(5, `refused-${qos}`);
    const to = await clients.connect(spec);
    await to.subscribe(`refused/${qos}`, qos);
    await from.publish(`refused/${qos}`, 'x', { qos });
    const { packetId } = await to.take('publish');
    to.send(Buffer.from([firstByte, 3, ...u16(packetId), 0x97]));
    expect(await to.drain()).toEqual([]);
    await cut(to);
    expect(await (await clients.connect(spec)).drain()).toEqual([]);
  });
});

describe('a take-over while messages are in flight in both directions', () => {
  it.each(LEVELS)(
    'at level %i leaves the old connection nothing, and the new one all of it [MQTT-3.1.4-3, MQTT-4.4.0-1, MQTT3-3.1.4-2, MQTT3-4.4.0-1]',
    async (level) => {
      const id = `between-${level}`;
      const from = await clients.connect({ level, id: `${id}-from` });
      const watcher = await clients.connect({ level, id: `${id}-watcher` });
      await watcher.subscribe(`${id}/up`, 2);
      const spec = kept(level, id);
      const old = await clients.connect(spec);
      await old.subscribe(`${id}/down`, 2);
      // Down: 0 is answered, 1 is past its PUBREC, 2 and 3 are open. Up: 7 waits for its PUBREL.
      for (let n = 0; n < 4; n++) await from.publish(`${id}/down`, String(n), { qos: n % 2 === 0 ? 1 : 2 });
      const ids = (await old.drain()).map((each) => (each.type === 'publish' ? each.packetId : 0));
      old.send(ackBytes('puback', ids[0] as number), ackBytes('pubrec', ids[1] as number));
      await old.take('pubrel');
      old.send(publishBytes(level, `${id}/up`, 'up', { qos: 2, id: 7 }));
      await old.take('pubrec');

      const fresh = await clients.connect(spec);
      expect(await old.end()).toMatchObject(level === 5 ? [{ type: 'disconnect', reason: 0x8e }] : []);
      expect(await fresh.take('pubrel')).toMatchObject({ packetId: ids[1] });
      for (const n of [2, 3]) {
        const again = await fresh.take('publish');
        expect(again).toMatchObject({ packetId: ids[n], dup: true, qos: n % 2 === 0 ? 1 : 2 });
        expect(again.payload.toString()).toBe(String(n));
      }
      fresh.send(publishBytes(level, `${id}/up`, 'up', { qos: 2, id: 7, dup: true }));
      await fresh.take('pubrec');
      fresh.send(ackBytes('pubrel', 7));
      await fresh.take('pubcomp');
      fresh.send(
        ackBytes('pubcomp', ids[1] as number),
        ackBytes('puback', ids[2] as number),
        ackBytes('pubrec', ids[3] as number),
      );
      expect(await fresh.take('pubrel')).toMatchObject({ packetId: ids[3] });
      fresh.send(ackBytes('pubcomp', ids[3] as number));
      await from.publish(`${id}/down`, 'next', { qos: 1 });
      const next = await fresh.take('publish');
      expect([next.payload.toString(), next.dup]).toEqual(['next', false]);
      expect(await fresh.drain()).toEqual([]);
      expect((await watcher.drain()).length).toBe(1);
    },
  );

  it('by a clean start throws all of it away, and its identifiers mean nothing any more [MQTT3-3.1.2-6]', async () => {
    const from = await clients.connect({ level: 4, id: 'fresh-from' });
    const watcher = await clients.connect({ level: 4, id: 'fresh-watcher' });
    await watcher.subscribe('fresh/up', 2);
    const old = await clients.connect(kept(4, 'fresh'));
    await old.subscribe('fresh/down', 2);
    await from.publish('fresh/down', 'x', { qos: 2 });
    await old.take('publish');
    old.send(publishBytes(4, 'fresh/up', 'one', { qos: 2, id: 7 }));
    await old.take('pubrec');
    const clean = await clients.connect({ level: 4, id: 'fresh', clean: true });
    expect(clean.connack.sessionPresent).toBe(false);
    clean.send(publishBytes(4, 'fresh/up', 'two', { qos: 2, id: 7 }));
    await clean.take('pubrec');
    await from.publish('fresh/down', 'y', { qos: 2 });
    expect(await clean.drain()).toEqual([]);
    const seen = (await watcher.drain()).map((each) => each.type === 'publish' && each.payload.toString());
    expect(seen).toEqual(['one', 'two']);
  });
});

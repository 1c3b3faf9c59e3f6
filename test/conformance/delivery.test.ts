import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import type { Packet } from '../../src/codec/index.ts';
import { type RunningSonde, startSonde } from '../tooling/index.ts';
import {
  ackBytes,
  type Client,
  clientsOf,
  DISCONNECT,
  LEVELS,
  type Level,
  PINGREQ,
  packet,
  publishBytes,
  u16,
} from './client.ts';

let sonde: RunningSonde;
const clients = clientsOf(() => sonde.mqttPort);
beforeAll(async () => {
  sonde = await startSonde();
});
afterAll(() => sonde?.stop());
afterEach(() => clients.closeAll());

let serial = 0;
/** A publisher and a subscriber of a topic of their own. */
async function pair(level: Level, qos: number): Promise<{ from: Client; to: Client; topic: string }> {
  serial += 1;
  const topic = `delivery/${serial}`;
  const from = await clients.connect({ level, id: `from-${serial}` });
  const to = await clients.connect({ level, id: `to-${serial}` });
  expect(await to.subscribe(topic, qos)).toBe(qos);
  return { from, to, topic };
}

const payloads = (packets: readonly Packet[]): readonly string[] =>
  packets.flatMap((each) => (each.type === 'publish' ? [each.payload.toString()] : []));

describe('a message at a QoS from the broker', () => {
  const combinations = LEVELS.flatMap((level) =>
    [0, 1, 2].flatMap((sent) => [0, 1, 2].map((granted) => [level, sent, granted] as const)),
  );

  it.each(combinations)(
    'at level %i, sent at QoS %i to a subscription of QoS %i, has the lower of both, without DUP [MQTT-3.8.4-8, MQTT-4.3.1-1, MQTT-4.3.2-2, MQTT-4.3.3-2, MQTT3-3.8.4-6, MQTT3-4.3.1-1]',
    async (level, sent, granted) => {
      const { from, to, topic } = await pair(level, granted);
      await from.publish(topic, 'x', { qos: sent as 0 | 1 | 2 });
      const got = await to.take('publish');
      expect(got).toMatchObject({ topic, qos: Math.min(sent, granted), dup: false, retain: false });
      expect(got.payload.toString()).toBe('x');
    },
  );

  it.each([4, 5] as const)(
    'at level %i keeps an identifier until PUBACK, PUBCOMP, and uses none twice at a time [MQTT-2.2.1-4, MQTT-4.3.2-1, MQTT-4.3.3-1, MQTT3-2.3.1-4]',
    async (level) => {
      const { from, to, topic } = await pair(level, 2);
      for (let n = 0; n < 10; n++) await from.publish(topic, String(n), { qos: n % 2 === 0 ? 1 : 2 });
      const first = await to.drain();
      const ids = first.map((each) => (each.type === 'publish' ? each.packetId : 0));
      expect(new Set(ids).size).toBe(10);
      expect(ids).not.toContain(0);
    },
  );

  it('in QoS 2 goes PUBLISH, PUBREC, PUBREL, PUBCOMP [MQTT-2.2.1-5, MQTT-4.3.3-4]; each packet again is answered again', async () => {
    const { from, to, topic } = await pair(5, 2);
    await from.publish(topic, 'exactly', { qos: 2 });
    const { packetId } = await to.take('publish');
    to.send(ackBytes('pubrec', packetId));
    expect(await to.take('pubrel')).toMatchObject({ packetId, reason: 0 });
    to.send(ackBytes('pubrec', packetId));
    expect(await to.take('pubrel')).toMatchObject({ packetId });
    to.send(ackBytes('pubcomp', packetId));
    expect(await to.drain()).toEqual([]);
    // The exchange is over: a PUBREC out of nowhere is told so, and harms nobody.
    to.send(ackBytes('pubrec', packetId));
    expect(await to.take('pubrel')).toMatchObject({ packetId, reason: 0x92 });
  });

  it.each([
    ['PUBACK', 'puback'],
    ['PUBCOMP', 'pubcomp'],
  ] as const)('that was never sent may be acknowledged with %s: nothing happens', async (_, kind) => {
    const { to } = await pair(4, 1);
    to.send(ackBytes(kind, 4711));
    expect(await to.drain()).toEqual([]);
  });

  it.each([
    ['PUBREC for QoS 1', 1, 'pubrec'],
    ['PUBACK for QoS 2', 2, 'puback'],
    ['PUBCOMP before PUBREC', 2, 'pubcomp'],
  ] as const)('must be acknowledged in its own way: %s is a protocol error', async (_, qos, kind) => {
    const { from, to, topic } = await pair(5, qos);
    await from.publish(topic, 'x', { qos });
    const { packetId } = await to.take('publish');
    to.send(ackBytes(kind, packetId));
    expect(await to.end()).toMatchObject([{ type: 'disconnect', reason: 0x82 }]);
    expect(await from.drain()).toEqual([]);
  });
});

describe('a message to the broker', () => {
  it.each(LEVELS)(
    'at level %i: QoS 1 is acknowledged with the same identifier, 1 and 65,535 too [MQTT-2.2.1-5, MQTT-3.3.4-1, MQTT-4.3.2-4, MQTT3-2.3.1-6, MQTT3-3.3.4-1, MQTT3-4.3.2-2]',
    async (level) => {
      const { from, topic } = await pair(level, 0);
      for (const id of [1, 2, 0x00ff, 0x0100, 0xffff]) {
        from.send(publishBytes(level, topic, 'x', { qos: 1, id }));
        expect((await from.take('puback')).packetId).toBe(id);
      }
    },
  );

  it.each([4, 5] as const)(
    'at level %i in QoS 1 that comes twice is two messages, with or without DUP, which is of one hop [MQTT-3.3.1-3, MQTT-4.3.2-5, MQTT3-3.3.1-3, MQTT3-4.3.2-2]',
    async (level) => {
      const { from, to, topic } = await pair(level, 1);
      from.send(
        publishBytes(level, topic, 'x', { qos: 1, id: 7 }),
        publishBytes(level, topic, 'x', { qos: 1, id: 7, dup: true }),
      );
      await from.take('puback');
      await from.take('puback');
      const got = await to.drain();
      expect(payloads(got)).toEqual(['x', 'x']);
      expect(got.map((each) => each.type === 'publish' && each.dup)).toEqual([false, false]);
    },
  );

  it.each([4, 5] as const)(
    'at level %i in QoS 2 that comes again before PUBREL is one message; after it a new one [MQTT-4.3.3-8, 10..12, MQTT3-4.3.3-2]',
    async (level) => {
      const { from, to, topic } = await pair(level, 0);
      for (let again = 0; again < 5; again++) {
        from.send(publishBytes(level, topic, 'one', { qos: 2, id: 9, dup: again > 0 }));
        expect(await from.take('pubrec')).toMatchObject({ packetId: 9, reason: 0 });
      }
      from.send(ackBytes('pubrel', 9));
      expect(await from.take('pubcomp')).toMatchObject({ packetId: 9, reason: 0 });
      from.send(ackBytes('pubrel', 9));
      expect(await from.take('pubcomp')).toMatchObject({ packetId: 9, reason: level === 5 ? 0x92 : 0 });
      from.send(publishBytes(level, topic, 'two', { qos: 2, id: 9 }));
      await from.take('pubrec');
      expect(payloads(await to.drain())).toEqual(['one', 'two']);
    },
  );

  it('in QoS 2 stays one message over a reconnect of a kept session [MQTT3-4.1.0-1, MQTT3-4.3.3-2]', async () => {
    const { to, topic } = await pair(4, 0);
    const spec = { level: 4 as const, id: `kept-${topic}`, clean: false };
    const first = await clients.connect(spec);
    first.send(publishBytes(4, topic, 'once', { qos: 2, id: 3 }));
    await first.take('pubrec');
    first.destroy();
    const second = await clients.connect(spec);
    second.send(publishBytes(4, topic, 'once', { qos: 2, id: 3, dup: true }));
    await second.take('pubrec');
    second.send(ackBytes('pubrel', 3));
    await second.take('pubcomp');
    expect(payloads(await to.drain())).toEqual(['once']);
  });

  it('of 5.0 that nobody gets says so in its PUBACK and PUBREC: reason 0x10 (3.4.2.1)', async () => {
    const client = await clients.connect({ id: 'into-the-void' });
    client.send(publishBytes(5, 'void', 'x', { qos: 1, id: 1 }), publishBytes(5, 'void', 'x', { qos: 2, id: 2 }));
    expect((await client.take('puback')).reason).toBe(0x10);
    expect((await client.take('pubrec')).reason).toBe(0x10);
  });

  it('of 3.x with identifier 0, as clients whose counter runs over send it, does not end the connection', async () => {
    const { from, to, topic } = await pair(4, 0);
    from.send(packet(0x32, Buffer.from([0, topic.length]), Buffer.from(topic), u16(0), Buffer.from('zero')));
    await from.take('puback');
    expect(payloads(await to.drain())).toEqual(['zero']);
    expect(await from.drain()).toEqual([]);
  });

  it.each([0, 1, 127, 128, 16_383, 16_384, 65_536, 2_000_000])(
    'of %i bytes comes through whole [MQTT-4.2.0-1, MQTT3-7.1.1-1]',
    async (size) => {
      const { from, to, topic } = await pair(5, 1);
      const payload = Buffer.alloc(size, 'Sonde 0123456789 ');
      await from.publish(topic, payload, { qos: 1 });
      expect((await to.take('publish')).payload.equals(payload)).toBe(true);
    },
  );
});

describe('what a client has not acknowledged', () => {
  it.each([4, 5] as const)(
    'at level %i comes again after a reconnect: same identifier, DUP, same order; what was published meanwhile comes after it [MQTT-3.3.1-1, MQTT-4.3.2-3, MQTT-4.3.3-3, 5, 6, MQTT-4.4.0-1, MQTT-4.5.0-1, MQTT3-3.1.2-5, MQTT3-3.3.1-1, MQTT3-4.3.2-1, MQTT3-4.3.3-1, MQTT3-4.4.0-1, MQTT3-4.5.0-1, MQTT3-4.6.0-1]',
    async (level) => {
      const id = `again-${level}`;
      const from = await clients.connect({ level, id: `${id}-from` });
      const spec = { level, id, clean: false, ...(level === 5 ? { properties: [0x11, 0, 0, 1, 0] } : {}) };
      const first = await clients.connect(spec);
      await first.subscribe(`again/${level}`, 2);
      for (let n = 0; n < 6; n++) await from.publish(`again/${level}`, String(n), { qos: n % 2 === 0 ? 1 : 2 });
      const sent = (await first.drain()).map((each) => (each.type === 'publish' ? each.packetId : 0));
      // 0 is acknowledged, 1 is past its PUBREC, 2..5 are open.
      first.send(ackBytes('puback', sent[0] as number), ackBytes('pubrec', sent[1] as number));
      await first.take('pubrel');
      first.send(DISCONNECT);
      await first.end();
      await from.publish(`again/${level}`, 'while away', { qos: 1 });

      const second = await clients.connect(spec);
      expect(second.connack.sessionPresent).toBe(true);
      expect(await second.take('pubrel')).toMatchObject({ packetId: sent[1] });
      for (let n = 2; n < 6; n++) {
        const got = await second.take('publish');
        expect(got).toMatchObject({ packetId: sent[n], dup: true });
        expect(got.payload.toString()).toBe(String(n));
      }
      const last = await second.take('publish');
      expect([last.payload.toString(), last.dup]).toEqual(['while away', false]);
      expect(await second.drain()).toEqual([]);
    },
  );

  it('waits in order when more is under way than Receive Maximum allows, and other packets do not wait [MQTT-3.3.4-9, 10, MQTT-4.9.0-1..3]', async () => {
    const from = await clients.connect({ id: 'window-from' });
    const to = await clients.connect({ id: 'window-to', properties: [0x21, ...u16(3)] });
    await to.subscribe('window', 2);
    for (let n = 0; n < 12; n++) await from.publish('window', String(n), { qos: n % 3 === 0 ? 2 : 1 });
    const open = [await to.take('publish'), await to.take('publish'), await to.take('publish')];
    const got: string[] = [];
    for (let next = open.shift(); next; next = open.shift()) {
      expect(await to.drain()).toEqual([]); // no fourth one [MQTT-3.3.4-9]
      got.push(next.payload.toString());
      if (next.qos === 1) to.send(ackBytes('puback', next.packetId));
      else {
        to.send(ackBytes('pubrec', next.packetId));
        await to.take('pubrel');
        expect(await to.drain()).toEqual([]); // not before PUBCOMP
        to.send(ackBytes('pubcomp', next.packetId));
      }
      if (got.length + open.length < 12) open.push(await to.take('publish'));
    }
    expect(got).toEqual(Array.from({ length: 12 }, (_, n) => String(n)));
  });

  it('is held to a smaller Receive Maximum after a reconnect too [MQTT-3.3.4-9]', async () => {
    const from = await clients.connect({ id: 'shrunk-from' });
    const kept = { id: 'shrunk', clean: false };
    const first = await clients.connect({ ...kept, properties: [0x11, 0, 0, 1, 0] });
    await first.subscribe('shrunk', 1);
    for (let n = 0; n < 10; n++) await from.publish('shrunk', String(n), { qos: 1 });
    expect(await first.drain()).toHaveLength(10);
    first.send(DISCONNECT);
    await first.end();
    const second = await clients.connect({ ...kept, properties: [0x11, 0, 0, 1, 0, 0x21, ...u16(2)] });
    const open = [await second.take('publish'), await second.take('publish')];
    const got: string[] = [];
    for (let next = open.shift(); next; next = open.shift()) {
      expect(await second.drain()).toEqual([]);
      expect(next.dup).toBe(true);
      got.push(next.payload.toString());
      second.send(ackBytes('puback', next.packetId));
      if (got.length + open.length < 10) open.push(await second.take('publish'));
    }
    expect(got).toEqual(Array.from({ length: 10 }, (_, n) => String(n)));
  });
});

describe('the order of messages', () => {
  it.each([0, 1, 2] as const)(
    'of one publisher on one topic is kept at QoS %i, to all its subscribers [MQTT-4.6.0-5, 6, MQTT3-4.6.0-5, 6]',
    async (qos) => {
      const { from, to, topic } = await pair(4, qos);
      const other = await clients.connect({ level: 5, id: `other-${topic}` });
      await other.subscribe('delivery/+', qos);
      const count = 500;
      const all = Array.from({ length: count }, (_, n) => publishBytes(4, topic, String(n), { qos, id: n + 1 }));
      from.send(...all, PINGREQ);
      for (let answers = 0; answers < (qos === 0 ? 0 : count); answers++)
        await from.take(qos === 1 ? 'puback' : 'pubrec');
      await from.take('pingresp');
      const expected = Array.from({ length: count }, (_, n) => String(n));
      expect(payloads(await to.drain())).toEqual(expected);
      expect(payloads(await other.drain())).toEqual(expected);
    },
  );
});

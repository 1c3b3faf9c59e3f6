import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { type RunningSonde, startSonde, waitFor } from '../tooling/index.ts';
import { type Canary, residentMiB, startCanary } from './canary.ts';
import {
  ackBytes,
  type Client,
  clientsOf,
  connectBytes,
  field,
  type Level,
  PINGREQ,
  packet,
  properties,
  publishBytes,
  subscribeBytes,
  text,
  u16,
  u32,
} from './client.ts';

/**
 * What broke brokers before. For each class: the connection gets its reason or its end, a log line says why, memory stays
 * bounded, and the canary notices nothing.
 */
describe('hostile input', () => {
  let sonde: RunningSonde;
  let canary: Canary;
  let atRestMiB = 0;
  const clients = clientsOf(() => sonde.mqttPort);
  /** The machine that tests is busy: what others may cost the canary at most. */
  const DISTURBANCE_MS = 2000;
  const GROWTH_MIB = 250;

  beforeAll(async () => {
    sonde = await startSonde();
    canary = await startCanary(sonde.mqttPort);
    await canary.worstMs();
    atRestMiB = await residentMiB(sonde.pid, sonde.url);
  });
  afterAll(async () => {
    await canary?.stop();
    await sonde?.stop();
    expect(sonde.log()).not.toMatch(/uncaught|unhandled|^\s+at /im);
  });
  afterEach(async () => {
    clients.closeAll();
    expect(await canary.worstMs()).toBeLessThan(DISTURBANCE_MS);
    expect((await residentMiB(sonde.pid, sonde.url)) - atRestMiB).toBeLessThan(GROWTH_MIB);
  });

  const logged = (pattern: RegExp) => waitFor(`${pattern} in the log`, () => pattern.test(sonde.log()), 5000);
  let serial = 0;
  const connect = (level: Level = 5, spec: Parameters<typeof clients.connect>[0] = {}): Promise<Client> => {
    serial += 1;
    return clients.connect({ level, id: `hostile-${serial}`, ...spec });
  };

  describe('class 1: a big length before anybody is known', () => {
    it('of a CONNECT of 256 MB is the end at its header, for hundreds of sockets', async () => {
      const all = await Promise.all(Array.from({ length: 300 }, () => clients.open(4)));
      for (const client of all) client.send(Buffer.from([0x10, 0xff, 0xff, 0xff, 0x7f, 0, 4]));
      for (const client of all) expect((await client.endBytes())[3]).not.toBe(0);
      await logged(/CONNECT of 268435460 bytes, more than the limit/);
    });

    it.each([...Array(16).keys()].filter((type) => type !== 1))(
      'of packet type %i as the first is the end without a word',
      async (type) => {
        const client = await clients.open(4);
        client.send(Buffer.from([type << 4, 0xff, 0xff, 0xff, 0x7f]));
        expect(await client.endBytes()).toHaveLength(0);
        await logged(/not CONNECT/);
      },
    );

    it('of a CONNECT within the limit that never comes costs no more than what came', async () => {
      const all = await Promise.all(Array.from({ length: 500 }, () => clients.open(4)));
      for (const client of all) client.send(Buffer.from([0x10, 0x80, 0x80, 0x07, 0, 4])); // 112 KiB
      expect((await residentMiB(sonde.pid, sonde.url)) - atRestMiB).toBeLessThan(60);
    });
  });

  describe('class 2: malformed variable byte integers', () => {
    it.each<readonly [string, Buffer]>([
      ['the remaining length, five bytes', Buffer.from([0x32, 0xff, 0xff, 0xff, 0xff, 0x7f])],
      ['the remaining length, not minimal', Buffer.from([0xc0, 0x80, 0])],
      ['the property length, five bytes', packet(0x30, text('a'), [0xff, 0xff, 0xff, 0xff, 0x01])],
      ['the property length, not minimal', packet(0x30, text('a'), [0x80, 0x00])],
      ['a subscription identifier, not minimal', subscribeBytes(5, 1, [['a', 0]], [0x0b, 0x81, 0x00])],
      ['the property length of a PUBACK, five bytes', packet(0x40, [0, 1, 0], [0x80, 0x80, 0x80, 0x80, 0x01])],
      ['the property length, endless', packet(0x30, text('a'), [0xff, 0xff])],
      ['a property identifier, two bytes', packet(0x30, text('a'), [3, 0x81, 0x00, 1])],
      ['a subscription identifier, five bytes', subscribeBytes(5, 1, [['a', 0]], [0x0b, 0xff, 0xff, 0xff, 0xff, 0x01])],
    ])('in %s: reason 0x81', async (_, bytes) => {
      const client = await connect();
      client.send(bytes);
      expect((await client.end()).at(-1)).toMatchObject({ type: 'disconnect', reason: 0x81 });
      await logged(new RegExp(`hostile-${serial}.*protocol error|protocol error.*hostile-${serial}`));
    });
  });

  describe('class 3: lengths that lie', () => {
    it('a packet that is announced large and dribbles in costs what came, and its socket may go on', async () => {
      const all = await Promise.all(Array.from({ length: 100 }, () => connect(4)));
      for (const client of all)
        client.send(Buffer.concat([Buffer.from([0x30, 0x80, 0x80, 0x80, 0x01]), text('a'), Buffer.alloc(1000)]));
      expect(await canary.worstMs()).toBeLessThan(DISTURBANCE_MS);
      expect((await residentMiB(sonde.pid, sonde.url)) - atRestMiB).toBeLessThan(100);
    });
  });

  describe('class 4: empty and absent fields', () => {
    it.each<readonly [string, Level, Buffer, readonly number[]]>([
      ['a topic of no length (3.3.2.1)', 5, publishBytes(5, '', 'x'), [0x82]],
      ['topic alias 0', 5, publishBytes(5, 'a', 'x', { properties: [0x23, 0, 0] }), [0x94]],
      ['an alias that nobody set', 5, publishBytes(5, '', 'x', { properties: [0x23, 0, 9] }), [0x82]],
      ['an alias above the maximum', 5, publishBytes(5, 'a', 'x', { properties: [0x23, 0xff, 0xff] }), [0x94]],
    ])('%s: the end', async (_, level, bytes, reasons) => {
      const client = await connect(level);
      client.send(bytes);
      const last = (await client.end()).at(-1);
      expect(reasons).toContain(last?.type === 'disconnect' ? last.reason : 0);
    });

    it.each([3, 4, 5] as const)(
      'a will without a topic is refused, and published to nobody, at level %i',
      async (level) => {
        const watcher = await connect();
        await watcher.subscribe('#');
        await watcher.drain();
        const client = await clients.open(level);
        client.send(connectBytes({ level, id: 'no-will-topic', will: { topic: '', payload: 'x' } }));
        for (const answer of await client.end()) expect(answer).not.toMatchObject({ type: 'connack', reason: 0 });
        const wills = (await watcher.drain()).filter((each) => each.type === 'publish' && each.topic === '');
        expect(wills).toEqual([]);
      },
    );

    it('a filter of no length is refused or the end, and subscribes to nothing', async () => {
      const client = await connect();
      client.send(subscribeBytes(5, 1, [['', 0]]));
      const answer = await client.anything();
      const reason = answer?.type === 'suback' ? answer.reasons[0] : answer?.type === 'disconnect' ? answer.reason : 0;
      expect([0x81, 0x82, 0x8f]).toContain(reason);
    });

    it('an empty user name is not anonymous: it is a name that nobody has', async () => {
      const client = await clients.open(5);
      client.send(connectBytes({ id: 'empty-user', username: '', password: '' }));
      const answer = await client.anything();
      // Either nobody's name is refused, or it counts as none given; never somebody else.
      expect(answer).toMatchObject({ type: 'connack' });
    });

    it('properties with empty names and values go through', async () => {
      const to = await connect();
      await to.subscribe('empty/#');
      const from = await connect();
      await from.publish('empty/', '', { properties: [0x26, 0, 0, 0, 0, 0x03, 0, 0, 0x09, 0, 0] });
      expect(await to.take('publish')).toMatchObject({ topic: 'empty/', properties: { userProperties: [['', '']] } });
    });
  });

  describe('class 5: packets of the wrong direction', () => {
    const own = new Set([3, 4, 5, 6, 7, 8, 10, 12, 14]);
    it.each([...Array(16).keys()])(
      'type %i with every set of flags: answered, ignored or the end, at each version',
      async (type) => {
        for (const level of [3, 4, 5] as const) {
          for (let flags = 0; flags < 16; flags++) {
            const client = await connect(level);
            client.send(packet((type << 4) | flags, u16(7), level === 5 ? [0] : []), PINGREQ);
            let answer = await client.anything();
            while (answer !== null && answer.type !== 'pingresp') answer = await client.anything();
            if (!own.has(type)) expect(answer, `flags ${flags} at level ${level}`).toBeNull();
            client.destroy();
          }
        }
      },
    );

    it.each(['puback', 'pubrec', 'pubrel', 'pubcomp'] as const)(
      '%s for 65,535 identifiers that are not in use',
      async (kind) => {
        const client = await connect(4);
        const all = Array.from({ length: 65_535 }, (_, n) => ackBytes(kind, n + 1));
        client.send(...all);
        const answers = await client.drain(10_000);
        expect(answers).toHaveLength(kind === 'pubrel' || kind === 'pubrec' ? 65_535 : 0);
      },
    );
  });

  describe('class 6: properties that harm those who get them', () => {
    it('a will with wrong properties is never accepted, a right one never leaks its own', async () => {
      const watcher = await connect();
      await watcher.subscribe('leak/#');
      for (let round = 0; round < 200; round++) {
        const client = await clients.open(5);
        client.send(connectBytes({ id: `leak-${round}`, will: { topic: 'leak/a', properties: [0x01, 1, 0x01, 0] } }));
        await client.end();
      }
      const right = await connect(5, { will: { topic: 'leak/b', properties: [0x18, ...u32(0), 0x01, 1] } });
      right.destroy();
      const { properties: got } = await watcher.take('publish');
      expect(got).toEqual({ payloadFormatIndicator: 1 });
    });

    it('many and long user properties are held to the packet size, and go through below it', async () => {
      const to = await connect();
      await to.subscribe('user/#');
      const from = await connect();
      const one = Buffer.concat([Buffer.of(0x26), text('n'.repeat(1000)), text('v'.repeat(1000))]);
      await from.publish('user/1000', 'x', { properties: Buffer.concat(Array.from({ length: 1000 }, () => one)) });
      expect((await to.take('publish')).properties.userProperties).toHaveLength(1000);
    });

    it.each([
      ['a response topic with a wildcard [MQTT-3.3.2-14]', Buffer.concat([Buffer.of(0x08), text('a/#')])],
      ['a content type that is no UTF-8', Buffer.concat([Buffer.of(0x03), field(Buffer.of(0xc3, 0x28))])],
      [
        'a user property with a lone surrogate',
        Buffer.concat([Buffer.of(0x26), field(Buffer.of(0xed, 0xa0, 0x80)), text('')]),
      ],
      ['a user property with NUL', Buffer.concat([Buffer.of(0x26), text('a\0b'), text('')])],
      ['a payload format indicator of 2', Buffer.of(0x01, 2)],
    ])('%s is the end, not passed on', async (_, bytes) => {
      const client = await connect();
      client.send(packet(0x30, text('harm'), properties(bytes)));
      expect((await client.end()).at(-1)).toMatchObject({ type: 'disconnect' });
    });
  });

  describe('class 7: QoS 2 that is never finished', () => {
    it('the same identifier a thousand times is one message and no memory', async () => {
      const to = await connect(4);
      await to.subscribe('qos2/#');
      const from = await connect(4);
      const payload = 'x'.repeat(10_000);
      for (let n = 0; n < 1000; n++) from.send(publishBytes(4, 'qos2/a', payload, { qos: 2, id: 1, dup: n > 0 }));
      expect(await from.drain(10_000)).toHaveLength(1000);
      expect(await to.drain()).toHaveLength(1);
    });

    it('65,535 open exchanges of a 3.1.1 client cost little, and it goes on', async () => {
      const from = await connect(4);
      for (let id = 1; id <= 65_535; id++) from.send(publishBytes(4, 'qos2/b', 'x', { qos: 2, id }));
      expect(await from.drain(20_000)).toHaveLength(65_535);
      from.send(ackBytes('pubrel', 65_535));
      await from.take('pubcomp');
    });
  });

  describe('class 8: deep and wide topics', () => {
    const deep = '/'.repeat(65_535);
    it('65,535 slashes as a topic are the end: 0x90; as a filter refused: 0x8f', async () => {
      const publisher = await connect();
      publisher.send(publishBytes(5, deep, 'x'));
      expect(await publisher.end()).toMatchObject([{ type: 'disconnect', reason: 0x90 }]);
      const subscriber = await connect();
      for (const filter of [deep, `${'+/'.repeat(30_000)}#`, '+/'.repeat(32_767)]) {
        expect(await subscriber.subscribe(filter)).toBe(0x8f);
      }
      expect(await subscriber.drain()).toEqual([]);
    });

    it('65,535 slashes as a will are refused with the CONNECT, and not published', async () => {
      const client = await clients.open(5);
      client.send(connectBytes({ id: 'deep-will', will: { topic: deep, payload: 'x', retain: true } }));
      expect(await client.end()).toMatchObject([{ type: 'connack', reason: 0x90 }]);
    });

    it('65,535 slashes over REST are refused too', async () => {
      const response = await fetch(`${sonde.url}/api/v1/publish`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({ topic: deep, payload: 'x', qos: 0, retain: true }),
      });
      expect(response.status).toBeGreaterThanOrEqual(400);
      expect(response.status).toBeLessThan(500);
    });

    it('topics of 64 KB, each another one, are not all remembered', async () => {
      const client = await connect(4);
      const tail = 'x'.repeat(65_000);
      for (let n = 0; n < 4000; n++) {
        client.socket.write(publishBytes(4, `wide/${n}/${tail}`, ''));
        if (n % 100 === 0) await client.drain(10_000);
      }
      await client.drain(10_000);
    });

    it('many wildcards that match alike cost one delivery', async () => {
      const client = await connect(4);
      const levels = 10;
      const filters = Array.from({ length: 2 ** levels - 24 }, (_, n) =>
        Array.from({ length: levels }, (_unused, bit) => ((n >> bit) & 1 ? '+' : 'l')).join('/'),
      );
      client.send(
        subscribeBytes(
          4,
          1,
          filters.map((filter) => [filter, 0] as const),
        ),
      );
      await client.take('suback');
      const from = await connect(4);
      await from.publish(Array.from({ length: levels }, () => 'l').join('/'), 'x');
      expect(await client.drain()).toHaveLength(1);
    });
  });
});

import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { type RunningSonde, startSonde } from '../tooling/index.ts';
import {
  type Client,
  clientsOf,
  LEVELS,
  type Level,
  packet,
  publishBytes,
  subscribeBytes,
  text,
  u16,
  unsubscribeBytes,
} from './client.ts';

let sonde: RunningSonde;
const clients = clientsOf(() => sonde.mqttPort);
beforeAll(async () => {
  // Without figures of its own under $SYS; what the broker does there is in sys.test.ts.
  sonde = await startSonde({ env: { SONDE_SYS_INTERVAL_SECONDS: '0' } });
});
afterAll(() => sonde?.stop());
afterEach(() => clients.closeAll());

let serial = 0;
const connect = (level: Level = 5): Promise<Client> => {
  serial += 1;
  return clients.connect({ level, id: `subscriber-${serial}` });
};

describe('a filter', () => {
  // 4.7.1 and 4.7.2, each row with the names that it matches and does not.
  it.each<readonly [string, readonly string[], readonly string[]]>([
    [
      'sport/tennis/player1/#',
      ['sport/tennis/player1', 'sport/tennis/player1/ranking', 'sport/tennis/player1/score/w'],
      ['sport/tennis', 'sport/tennis/player10'],
    ],
    ['sport/tennis/+', ['sport/tennis/player1', 'sport/tennis/'], ['sport/tennis/player1/ranking', 'sport/tennis']],
    ['sport/+', ['sport/'], ['sport', '/sport']],
    ['+/+', ['/finance', 'a/b'], ['finance', 'a/b/c']],
    ['/+', ['/finance'], ['finance', '/finance/x']],
    ['+', ['finance'], ['/finance', '$finance']],
    ['#', ['a', '/a', 'a/b', '/'], ['$a', '$a/b']],
    ['+/monitor', ['a/monitor', '/monitor'], ['$a/monitor']],
    ['$a/#', ['$a', '$a/b'], ['a', 'a/b']],
    ['$a/+', ['$a/b'], ['$a', '$a/b/c']],
    ['Accounts', ['Accounts'], ['ACCOUNTS', 'accounts']],
    ['a//b', ['a//b'], ['a/b', 'a/ /b']],
    ['a/+/b', ['a//b', 'a/x/b'], ['a/b', 'a/x/y/b']],
    ['Messwerte/Grad °C/#', ['Messwerte/Grad °C/Küche €😀'], ['Messwerte/Grad']],
    ['__proto__/+', ['__proto__/constructor'], ['constructor']],
  ])(
    '%j matches the right names, live and retained [MQTT-3.3.2-3, MQTT-4.7.2-1, MQTT-4.7.3-4]',
    async (filter, matching, others) => {
      const subscriber = await connect();
      await subscriber.subscribe(filter);
      const publisher = await connect();
      for (const name of [...others, ...matching]) await publisher.publish(name, name, { retain: true });
      const names = (packets: readonly { type: string }[]) =>
        packets.map((each) => (each as { topic?: string }).topic).sort();
      expect(names(await subscriber.drain())).toEqual([...matching].sort());
      // Retained: those of this filter, whatever else other rows left behind.
      const late = await connect();
      await late.subscribe(filter);
      const retained = names(await late.drain());
      expect(retained).toEqual(expect.arrayContaining([...matching]));
      for (const name of others) expect(retained).not.toContain(name);
      for (const name of [...others, ...matching]) await publisher.publish(name, '', { retain: true });
      await late.drain();
      const last = await connect();
      await last.subscribe(filter);
      expect(await last.drain()).toEqual([]); // [MQTT-3.3.1-6]
    },
  );

  it.each(['', 'a+', '+a', 'a/+b', '#/a', 'a#', 'a/#/b', 'a/b#', '++', '##', 'a/+#'])(
    '%j is refused: 0x8f in 5.0, 0x80 in 3.1.1, or the connection ends [MQTT-4.7.1-1, 2, MQTT-4.7.3-1, MQTT3-4.7.1-2, 3, MQTT3-4.7.3-1]',
    async (filter) => {
      for (const level of [4, 5] as const) {
        const client = await connect(level);
        client.send(subscribeBytes(level, 1, [[filter, 0]]));
        const answer = await client.take('suback');
        expect(answer.reasons).toEqual([level === 5 ? 0x8f : 0x80]);
        expect(await client.drain()).toEqual([]);
      }
    },
  );

  it.each(LEVELS)(
    'at level %i: several in one SUBSCRIBE have an answer each, in order, good and bad [MQTT-2.2.1-6, MQTT-3.8.4-1, 2, 5..7, MQTT-3.9.3-1, 2, MQTT3-2.3.1-7, MQTT3-3.8.4-1, 2, 4, 5, MQTT3-3.9.3-1, 2]',
    async (level) => {
      const client = await connect(level);
      client.send(
        subscribeBytes(level, 77, [
          ['a', 0],
          ['b/#', 1],
          ['bad#', 1],
          ['c/+', 2],
        ]),
      );
      expect(await client.take('suback')).toMatchObject({
        packetId: 77,
        reasons: [0, 1, level === 5 ? 0x8f : 0x80, 2],
      });
    },
  );

  it.each([4, 5] as const)(
    'at level %i: given again replaces the subscription: its new QoS counts, and there is one delivery [MQTT-3.8.4-3, MQTT3-3.8.4-3]',
    async (level) => {
      const client = await connect(level);
      await client.subscribe('again/x', 2);
      await client.subscribe('again/x', 0);
      const publisher = await connect(4);
      await publisher.publish('again/x', '1', { qos: 2 });
      expect(await client.drain()).toMatchObject([{ type: 'publish', qos: 0 }]);
    },
  );

  it.each([4, 5] as const)(
    'at level %i: that overlaps another one gives one delivery with the greatest QoS [MQTT-3.3.4-2, MQTT3-3.3.5-1]',
    async (level) => {
      const client = await connect(level);
      await client.subscribe('over/#', 0);
      await client.subscribe('over/+', 1);
      await client.subscribe('over/lap', 0);
      const publisher = await connect(4);
      await publisher.publish('over/lap', '1', { qos: 2 });
      expect(await client.drain()).toMatchObject([{ type: 'publish', qos: 1 }]);
    },
  );

  it.each(LEVELS)(
    'at level %i: after UNSUBSCRIBE nothing more comes, and it is answered also where there was nothing [MQTT-2.2.1-6, MQTT-3.10.4-1, 2, 4..6, MQTT-3.11.3-1, 2, MQTT3-2.3.1-7, MQTT3-3.10.4-1, 2, 4..6]',
    async (level) => {
      const client = await connect(level);
      await client.subscribe(`un/${level}/+`, 1);
      client.send(unsubscribeBytes(level, 9, [`un/${level}/x`, `un/${level}/+`]));
      expect(await client.take('unsuback')).toMatchObject({ packetId: 9, reasons: level === 5 ? [0x11, 0] : [] });
      const publisher = await connect(level);
      await publisher.publish(`un/${level}/x`, '1', { qos: 1 });
      expect(await client.drain()).toEqual([]);
    },
  );
});

describe('a retained message', () => {
  it.each(LEVELS)(
    'at level %i comes to a new subscription with RETAIN, to old ones without it, and again to one that is made anew [MQTT-3.3.1-5, 8, 9, 12, MQTT-3.8.4-4, MQTT3-3.3.1-5, 6, 8, 9, 12, MQTT3-3.8.4-3]',
    async (level) => {
      const topic = `kept/${level}`;
      const early = await connect(level);
      await early.subscribe(topic, 1);
      const publisher = await connect(level);
      await publisher.publish(topic, 'old', { qos: 1, retain: true });
      await publisher.publish(topic, 'new', { qos: 1, retain: true });
      await publisher.publish(topic, 'not kept', { qos: 1 });
      const seen = (await early.drain()).map((each) => each.type === 'publish' && `${each.payload} ${each.retain}`);
      expect(seen).toEqual(['old false', 'new false', 'not kept false']);
      const late = await connect(level);
      await late.subscribe(topic, 1);
      expect(await late.take('publish')).toMatchObject({
        retain: true,
        qos: 1,
        dup: false,
        payload: Buffer.from('new'),
      });
      // A subscription that is made anew has it sent again [MQTT-3.8.4-3].
      await late.subscribe(topic, 0);
      expect(await late.take('publish')).toMatchObject({ retain: true, qos: 0 });
      expect(await late.drain()).toEqual([]);
    },
  );

  it.each([4, 5] as const)(
    'at level %i is removed by an empty one, which goes to subscribers as any other [MQTT-3.3.1-6, 7, MQTT3-3.3.1-7, 10, 11]',
    async (level) => {
      const early = await connect(level);
      await early.subscribe('removed', 0);
      const publisher = await connect(level);
      await publisher.publish('removed', 'x', { retain: true });
      await publisher.publish('removed', '', { retain: true });
      expect(await early.drain()).toMatchObject([{ type: 'publish' }, { type: 'publish', payload: Buffer.alloc(0) }]);
      const late = await connect(level);
      await late.subscribe('removed', 0);
      expect(await late.drain()).toEqual([]);
    },
  );

  it('stays when its publisher is gone, also with a clean session [MQTT3-3.1.2-7]', async () => {
    const publisher = await connect(4);
    await publisher.publish('stays', 'x', { retain: true, qos: 2 });
    publisher.destroy();
    const late = await connect(4);
    await late.subscribe('stays', 2);
    expect(await late.take('publish')).toMatchObject({ retain: true, qos: 2 });
  });
});

describe('a subscription of 5.0', () => {
  it('with No Local is not given its own messages [MQTT-3.8.3-3]', async () => {
    const client = await connect();
    await client.subscribe('own/#', 0x04 | 1);
    await client.publish('own/a', 'mine', { qos: 1 });
    const other = await connect();
    await other.publish('own/a', 'theirs', { qos: 1 });
    expect(await client.drain()).toMatchObject([{ type: 'publish', payload: Buffer.from('theirs') }]);
  });

  it('with Retain As Published is given the flag as it came [MQTT-3.3.1-13]', async () => {
    const client = await connect();
    await client.subscribe('as/published', 0x08 | 1);
    const publisher = await connect();
    await publisher.publish('as/published', 'a', { retain: true, qos: 1 });
    await publisher.publish('as/published', 'b', { qos: 1 });
    expect(await client.drain()).toMatchObject([{ retain: true }, { retain: false }]);
  });

  it('is sent what is retained as its Retain Handling says [MQTT-3.3.1-9..11]', async () => {
    const publisher = await connect();
    await publisher.publish('handling', 'x', { retain: true });
    const client = await connect();
    const count = async (options: number): Promise<number> => {
      await client.subscribe('handling', options);
      return (await client.drain()).length;
    };
    expect(await count(0x20)).toBe(0); // 2: never
    expect(await count(0x10)).toBe(0); // 1: not new any more
    expect(await count(0x00)).toBe(1); // 0: always
    expect(await count(0x10)).toBe(0);
    client.send(unsubscribeBytes(5, 1, ['handling']));
    await client.take('unsuback');
    expect(await count(0x10)).toBe(1); // new again
  });

  it('has its identifier in each message, all of them where several match [MQTT-3.3.4-3, 4]', async () => {
    const client = await connect();
    await client.subscribe('ids/+', 1, [0x0b, 0x01]);
    await client.subscribe('ids/#', 0, [0x0b, 0xff, 0xff, 0xff, 0x7f]);
    await client.subscribe('ids/x', 0);
    const publisher = await connect();
    await publisher.publish('ids/x', '1', { retain: true });
    const got = await client.take('publish');
    expect([...(got.properties.subscriptionIdentifiers ?? [])].sort((a, b) => a - b)).toEqual([1, 268_435_455]);
    expect(await client.drain()).toEqual([]);
    // Also with what was retained; and a new one replaces it.
    await client.subscribe('ids/x', 0, [0x0b, 0x05]);
    expect((await client.take('publish')).properties.subscriptionIdentifiers).toEqual([5]);
  });

  it.each<readonly [string, Buffer, readonly number[]]>([
    ['identifier 0 (3.8.2.1.2)', subscribeBytes(5, 1, [['a', 0]], [0x0b, 0]), [0x81, 0x82]],
    ['two identifiers', subscribeBytes(5, 1, [['a', 0]], [0x0b, 1, 0x0b, 2]), [0x81, 0x82]],
    ['an identifier of five bytes', subscribeBytes(5, 1, [['a', 0]], [0x0b, 0x80, 0x80, 0x80, 0x80, 1]), [0x81]],
    [
      'an identifier that is longer than need be [MQTT-1.5.5-1]',
      subscribeBytes(5, 1, [['a', 0]], [0x0b, 0x81, 0]),
      [0x81],
    ],
    ['Retain Handling 3', subscribeBytes(5, 1, [['a', 0x30]]), [0x81, 0x82]],
    ['No Local on a shared subscription [MQTT-3.8.3-4]', subscribeBytes(5, 1, [['$share/g/a', 0x04]]), [0x82]],
    ['a filter with NUL [MQTT-4.7.3-2]', subscribeBytes(5, 1, [['a\0', 0]]), [0x81, 0x82, 0x8f]],
    ['UNSUBSCRIBE with wrong flags [MQTT-3.10.1-1]', packet(0xa0, u16(1), [0], text('a')), [0x81]],
    ['UNSUBSCRIBE with identifier 0 [MQTT-2.2.1-3]', unsubscribeBytes(5, 0, ['a']), [0x81, 0x82]],
  ])('ends the connection with %s', async (_, bytes, reasons) => {
    const client = await connect();
    client.send(bytes);
    expect(reasons).toContain((await client.take('disconnect')).reason);
    await client.end();
  });

  it('of a thousand filters is held to its bound, the rest is refused one by one', async () => {
    const client = await connect();
    const filters = Array.from({ length: 1100 }, (_, n) => [`many/${n}`, 0] as const);
    client.send(subscribeBytes(5, 1, filters));
    const { reasons } = await client.take('suback');
    expect(reasons).toHaveLength(1100);
    expect(reasons.filter((reason) => reason === 0)).toHaveLength(1000);
    expect(reasons.filter((reason) => reason === 0x97)).toHaveLength(100);
  });
});

describe("a name that is the server's own", () => {
  it.each(['$SYS/broker/version', '$SYS', '$share/g/x', '$sonde/status'])(
    '%s cannot be published to: 0x87 in 5.0, dropped in 3.1.1, and the connection stays [MQTT3-3.3.5-2]',
    async (topic) => {
      const watcher = await connect();
      await watcher.subscribe('$SYS/#');
      await watcher.subscribe('#');
      await watcher.drain(); // what other tests left behind
      const five = await connect();
      five.send(publishBytes(5, topic, 'x', { qos: 1, id: 5, retain: true }));
      expect(await five.take('puback')).toMatchObject({ packetId: 5, reason: 0x87 });
      const four = await connect(4);
      await four.publish(topic, 'x', { qos: 2, retain: true });
      expect(await watcher.drain()).toEqual([]);
      const late = await connect();
      await late.subscribe('$SYS/#');
      expect(await late.drain()).toEqual([]);
    },
  );
});

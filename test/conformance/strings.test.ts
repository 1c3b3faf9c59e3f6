import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { type RunningSonde, startSonde } from '../tooling/index.ts';
import {
  type Client,
  clientsOf,
  DISCONNECT,
  field,
  type Level,
  packet,
  properties,
  publishBytes,
  text,
  u16,
} from './client.ts';

let sonde: RunningSonde;
const clients = clientsOf(() => sonde.mqttPort);
let serial = 0;
const connect = (level: Level): Promise<Client> => {
  serial += 1;
  return clients.connect({ level, id: `strings-${serial}` });
};
beforeAll(async () => {
  sonde = await startSonde();
});
afterAll(() => sonde?.stop());
afterEach(() => clients.closeAll());

const BOTH = [4, 5] as const;
const NOT_UTF8 = field(Buffer.from([0xc3, 0x28]));
const five = (level: Level): readonly number[] => (level === 5 ? [0] : []);

/** What a subscriber of everything is sent when these topics are published to. */
async function through(level: Level, filter: string, topics: readonly string[]): Promise<readonly string[]> {
  const to = await connect(level);
  await to.subscribe(filter);
  const from = await connect(level);
  for (const topic of topics) await from.publish(topic, 'x');
  return (await to.drain()).map((each) => (each.type === 'publish' ? each.topic : each.type));
}

describe('a string', () => {
  it.each(BOTH)('at level %i keeps EF BB BF as U+FEFF [MQTT-1.5.4-3, MQTT3-1.5.3-3]', async (level) => {
    const [marked, plain] = ['\ufeffmark', 'mark'];
    expect(await through(level, marked, [plain, marked])).toEqual([marked]);
    expect(await through(level, plain, [plain, marked])).toEqual([plain]);
  });

  it.each(BOTH)(
    'at level %i as a topic is compared as it is: no letter is folded, composed or left out [MQTT-3.3.2-3, MQTT-4.7.3-4, MQTT3-3.3.2-3, MQTT3-4.7.3-4]',
    async (level) => {
      const names = [
        'caf\u00e9',
        'cafe\u0301',
        'CAF\u00c9',
        'cafe',
        'caf\u00e9 ',
        'caf\u00e9/',
        '/caf\u00e9',
        'caf\u00e9\u200b',
      ];
      for (const name of names) expect(await through(level, name, names)).toEqual([name]);
    },
  );

  it.each(BOTH)(
    'at level %i as a filter that begins with a wildcard matches nothing that begins with $ [MQTT-4.7.2-1, MQTT3-4.7.2-1]',
    async (level) => {
      const names = ['$own/a', 'own/a'];
      for (const filter of ['#', '+/a', '+/#', '+/+']) expect(await through(level, filter, names)).toEqual(['own/a']);
      expect(await through(level, '$own/#', names)).toEqual(['$own/a']);
    },
  );

  it.each(BOTH)('at level %i as a topic may have all 65,535 bytes [MQTT-4.7.3-3, MQTT3-4.7.3-3]', async (level) => {
    const longest = `${'ü'.repeat(32_767)}x`;
    expect(Buffer.byteLength(longest)).toBe(65_535);
    expect(await through(level, longest, [longest])).toEqual([longest]);
  });

  it.each<readonly [string, Level, Buffer]>(
    BOTH.flatMap((level) => [
      [
        'a filter of SUBSCRIBE [MQTT-3.8.3-1, MQTT3-3.8.3-1]',
        level,
        packet(0x82, u16(1), five(level), NOT_UTF8, [0]),
      ] as const,
      [
        'a filter of UNSUBSCRIBE [MQTT-3.10.3-1, MQTT3-3.10.3-1]',
        level,
        packet(0xa2, u16(1), five(level), NOT_UTF8),
      ] as const,
    ]),
  )('that is no UTF-8 as %s at level %i is the end', async (_, level, bytes) => {
    const client = await connect(level);
    client.send(bytes);
    expect(await client.end()).toMatchObject(level === 5 ? [{ type: 'disconnect', reason: 0x81 }] : []);
  });

  it.each<readonly [string, Buffer]>([
    ['the name of a user property [MQTT-1.5.7-1]', Buffer.concat([Buffer.of(0x26), NOT_UTF8, text('v')])],
    ['the value of a user property [MQTT-1.5.7-1]', Buffer.concat([Buffer.of(0x26), text('n'), NOT_UTF8])],
    ['the response topic [MQTT-3.3.2-13]', Buffer.concat([Buffer.of(0x08), NOT_UTF8])],
    ['the content type [MQTT-3.3.2-19]', Buffer.concat([Buffer.of(0x03), NOT_UTF8])],
  ])('of a PUBLISH of 5.0 that is no UTF-8 as %s is the end', async (_, bytes) => {
    const client = await connect(5);
    client.send(publishBytes(5, 'a', 'x', { properties: bytes }));
    expect(await client.end()).toMatchObject([{ type: 'disconnect', reason: 0x81 }]);
  });
});

describe('a PUBLISH from the broker, byte by byte', () => {
  it.each(BOTH)(
    'at level %i has no identifier at QoS 0, and in 5.0 a property length of 0 [MQTT-2.2.1-2, MQTT-2.2.2-1, MQTT-4.3.1-1, MQTT3-2.3.1-5, MQTT3-4.3.1-1]',
    async (level) => {
      const to = await connect(level);
      await to.subscribe('bytes');
      const from = await connect(level);
      await from.publish('bytes', 'abc');
      to.send(DISCONNECT);
      const none = level === 5 ? properties() : Buffer.alloc(0);
      expect(await to.endBytes()).toEqual(packet(0x30, text('bytes'), none, Buffer.from('abc')));
    },
  );
});

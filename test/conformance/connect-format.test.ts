import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { type RunningSonde, startSonde } from '../tooling/index.ts';
import { clientsOf, connectBytes, type Level, packet, publishBytes, subscribeBytes, text, u16 } from './client.ts';

let sonde: RunningSonde;
const clients = clientsOf(() => sonde.mqttPort);
beforeAll(async () => {
  sonde = await startSonde();
});
afterAll(() => sonde?.stop());
afterEach(() => clients.closeAll());

const NOT_UTF8 = Buffer.from([0, 2, 0xc3, 0x28]);
type Parts = readonly (Buffer | readonly number[])[];

/** A CONNECT of 3.1.1 or 5.0 with these flags and this payload; `five` stands for empty properties in 5.0. */
const connectOf = (level: Level, flags: number, ...payload: Parts): Buffer =>
  packet(0x10, text('MQTT'), [level, flags], u16(0), level === 5 ? [0] : [], ...payload);
const five = (level: Level): readonly number[] => (level === 5 ? [0] : []);

/** What a CONNECT may not be, in both versions. */
const faults: readonly (readonly [what: string, bytes: (level: Level) => Buffer])[] = [
  ['the reserved flag [MQTT-3.1.2-3, MQTT3-3.1.2-3]', (level) => connectOf(level, 0x03, text('x'))],
  [
    'a will at QoS 3 [MQTT-3.1.2-12, MQTT3-3.1.2-14]',
    (level) => connectOf(level, 0x1e, text('x'), five(level), text('w'), text('m')),
  ],
  [
    'a will QoS without a will [MQTT-3.1.2-11, MQTT3-3.1.2-11, MQTT3-3.1.2-13]',
    (level) => connectOf(level, 0x0a, text('x')),
  ],
  ['a will retain without a will [MQTT-3.1.2-13, MQTT3-3.1.2-15]', (level) => connectOf(level, 0x22, text('x'))],
  [
    'a will topic and message without their flag [MQTT3-3.1.2-11]',
    (level) => connectOf(level, 0x02, text('x'), five(level), text('w'), text('m')),
  ],
  ['the flag of a will and no will [MQTT-3.1.2-9, MQTT3-3.1.2-9]', (level) => connectOf(level, 0x06, text('x'))],
  [
    'a will topic and no message [MQTT-3.1.2-9, MQTT3-3.1.2-9]',
    (level) => connectOf(level, 0x06, text('x'), five(level), text('w')),
  ],
  [
    'a user name without its flag [MQTT-3.1.2-16, MQTT3-3.1.2-18]',
    (level) => connectOf(level, 0x02, text('x'), text('u')),
  ],
  ['the flag of a user name and none [MQTT-3.1.2-17, MQTT3-3.1.2-19]', (level) => connectOf(level, 0x82, text('x'))],
  [
    'a password without its flag [MQTT-3.1.2-18, MQTT3-3.1.2-20]',
    (level) => connectOf(level, 0x82, text('x'), text('u'), text('p')),
  ],
  [
    'the flag of a password and none [MQTT-3.1.2-19, MQTT3-3.1.2-21]',
    (level) => connectOf(level, 0xc2, text('x'), text('u')),
  ],
  ['no client id at all [MQTT-3.1.3-3, MQTT3-3.1.3-3]', (level) => connectOf(level, 0x02)],
  ['a client id that is no UTF-8 [MQTT-3.1.3-4, MQTT3-3.1.3-4]', (level) => connectOf(level, 0x02, NOT_UTF8)],
  [
    'a will topic that is no UTF-8 [MQTT-3.1.3-11, MQTT3-3.1.3-10]',
    (level) => connectOf(level, 0x06, text('x'), five(level), NOT_UTF8, text('m')),
  ],
  [
    'a user name that is no UTF-8 [MQTT-3.1.3-12, MQTT3-3.1.3-11]',
    (level) => connectOf(level, 0x82, text('x'), NOT_UTF8),
  ],
];

describe('a CONNECT that breaks the format', () => {
  it.each(faults)(
    'of 5.0 with %s: CONNACK with the reason, then the end [MQTT-3.1.4-1, MQTT-3.14.0-1]',
    async (_, bytes) => {
      const client = await clients.open(5);
      client.send(bytes(5));
      const answers = await client.end();
      expect(answers).toMatchObject([{ type: 'connack', sessionPresent: false }]);
      expect([0x81, 0x82]).toContain(answers[0]?.type === 'connack' ? answers[0].reason : 0);
    },
  );

  it.each(faults)('of 3.1.1 with %s: the end without CONNACK [MQTT3-3.1.4-1, MQTT3-3.2.2-6]', async (_, bytes) => {
    const client = await clients.open(4);
    client.send(bytes(4));
    expect(await client.endBytes()).toHaveLength(0);
  });

  it.each([
    ['MQTX', 5],
    ['mqtt', 5],
    ['MQIsdp', 5],
    ['', 5],
    ['MQTX', 4],
  ] as const)(
    'by the protocol name %j at level %i is never gone on with [MQTT-3.1.2-1, MQTT3-3.1.2-1]',
    async (name, level) => {
      const client = await clients.open(level);
      client.send(
        packet(0x10, text(name), [level, 2, 0, 0], five(level), text('x')),
        subscribeBytes(level, 1, [['a', 0]]),
      );
      const answer = await client.endBytes();
      // At most a CONNACK that says the version is not there.
      if (answer.length > 0)
        expect([answer[0], answer.length, [1, 0x84].includes(answer[3] ?? 0)]).toEqual([
          0x20,
          2 + (answer[1] ?? 0),
          true,
        ]);
    },
  );
});

describe('a CONNECT that is right', () => {
  it.each([4, 5] as const)(
    'at level %i has its fields in one order: client id, will, user name, password [MQTT-3.1.3-1, MQTT3-3.1.3-1]',
    async (level) => {
      const own = await startSonde({ anonymous: 'none' });
      try {
        const [, user = '', password = ''] = /user (\S+), password (\S+)/.exec(own.log()) ?? [];
        const there = clientsOf(() => own.mqttPort);
        const heir = await there.connect({ level, id: 'heir', username: user, password });
        await heir.subscribe('order/will');
        const will = { topic: 'order/will', payload: user };
        const all = await there.connect({ level, id: 'order', will, username: user, password });
        all.destroy();
        expect((await heir.take('publish')).payload.toString()).toBe(user);
        // Two of them in each other's place are another user.
        const wrong = await there.open(level);
        wrong.send(connectBytes({ level, id: 'order', username: password, password: user }));
        expect(await wrong.end()).toMatchObject([{ type: 'connack', reason: 0x86 }]);
        there.closeAll();
      } finally {
        await own.stop();
      }
    },
  );

  it.each([4, 5] as const)(
    'at level %i may have any client id of 1 to 23 letters and digits [MQTT-3.1.3-5, MQTT3-3.1.3-5]',
    async (level) => {
      const letters = 'abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789';
      const ids = [...letters.split(''), ...Array.from({ length: 23 }, (_, n) => letters.slice(n, 2 * n + 1))];
      for (const id of ids) expect((await clients.connect({ level, id })).connack.reason).toBe(0);
      expect(ids.at(-1)).toHaveLength(23);
    },
  );

  it('of 5.0 with Clean Start ends the old session, without it goes on with its own or a new one [MQTT-3.1.2-4..6, MQTT-3.1.3-2, MQTT-3.1.4-4, MQTT-3.2.2-2, 3]', async () => {
    const properties = [0x11, 0, 0, 1, 0];
    const from = await clients.connect({ id: 'clean-from' });
    const first = await clients.connect({ id: 'clean-a', clean: false, properties });
    expect(first.connack.sessionPresent).toBe(false); // there was none
    await first.subscribe('clean/a', 1);
    first.destroy();
    await from.publish('clean/a', 'waits', { qos: 1 });

    // Another client id is another session.
    const other = await clients.connect({ id: 'clean-b', clean: false, properties });
    expect([other.connack.sessionPresent, await other.drain()]).toEqual([false, []]);

    const resumed = await clients.connect({ id: 'clean-a', clean: false, properties });
    expect(resumed.connack.sessionPresent).toBe(true);
    expect((await resumed.take('publish')).payload.toString()).toBe('waits');

    const clean = await clients.connect({ id: 'clean-a', clean: true, properties });
    expect(clean.connack.sessionPresent).toBe(false);
    await from.publish('clean/a', 'to nobody', { qos: 1 });
    expect(await clean.drain()).toEqual([]);
  });

  it.each([4, 5] as const)('at level %i is answered with no flag but session present [MQTT-3.2.2-1]', async (level) => {
    const spec = { level, id: `flags-${level}`, ...(level === 5 ? { properties: [0x11, 0, 0, 1, 0] } : {}) };
    for (const [clean, flags] of [
      [true, 0],
      [false, level === 5 ? 1 : 0], // 3.1.1: the clean session before it has left nothing
      [false, 1],
    ] as const) {
      const client = await clients.open(level);
      client.send(connectBytes({ ...spec, clean }), Buffer.from([0xe0, 0]));
      expect((await client.endBytes())[2]).toBe(flags);
    }
  });

  it('of 5.0 without an authentication method has no AUTH and no method in its answer [MQTT-4.12.0-6]', async () => {
    const client = await clients.connect({ id: 'no-method' });
    expect(client.connack.properties.authenticationMethod).toBeUndefined();
    expect(client.connack.properties.authenticationData).toBeUndefined();
    expect(await client.drain()).toEqual([]);
  });

  it.each([4, 5] as const)(
    'at level %i that is refused has nothing behind it worked on [MQTT-3.1.4-6, MQTT3-3.1.4-5]',
    async (level) => {
      const refused = await clients.open(level);
      refused.send(
        connectBytes({ level, id: 'refused', username: 'nobody', password: 'guess' }),
        publishBytes(level, `refused/${level}`, 'x', { qos: 1, retain: true }),
        subscribeBytes(level, 2, [['#', 0]]),
      );
      expect((await refused.end()).map(({ type }) => type)).toEqual(['connack']);
      const witness = await clients.connect({ level, id: 'witness' });
      await witness.subscribe(`refused/${level}`);
      expect(await witness.drain()).toEqual([]);
    },
  );

  it.each([4, 5] as const)('at level %i without a will leaves none behind [MQTT3-3.1.2-12]', async (level) => {
    const heir = await clients.connect({ level, id: 'no-heir' });
    await heir.subscribe('#');
    const mortal = await clients.connect({ level, id: 'no-will' });
    mortal.destroy();
    const last = await clients.connect({ level, id: 'last-will', will: { topic: 'last', payload: 'x' } });
    last.destroy();
    expect((await heir.take('publish')).topic).toBe('last'); // the one that came after it has come
    expect(await heir.drain()).toEqual([]);
  });
});

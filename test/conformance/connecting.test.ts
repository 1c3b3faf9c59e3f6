import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { type RunningSonde, startSonde } from '../tooling/index.ts';
import {
  clientsOf,
  connectBytes,
  LEVELS,
  type Level,
  PINGREQ,
  packet,
  publishBytes,
  subscribeBytes,
  text,
  u16,
} from './client.ts';

describe('CONNECT', () => {
  let sonde: RunningSonde;
  const clients = clientsOf(() => sonde.mqttPort);
  beforeAll(async () => {
    sonde = await startSonde();
  });
  afterAll(() => sonde?.stop());
  afterEach(() => clients.closeAll());

  it.each(LEVELS)(
    'is answered at level %i, with no session present, and the connection works [MQTT-3.1.4-5, MQTT-3.2.0-1, 2, MQTT-3.2.2-2, MQTT3-3.1.4-4, MQTT3-3.2.0-1, MQTT3-3.2.2-1]',
    async (level) => {
      const client = await clients.connect({ level, id: `hello-${level}` });
      expect(client.connack.sessionPresent).toBe(false);
      expect(await client.drain()).toEqual([]);
    },
  );

  it('of 5.0 tells the limits that the client has to keep (3.2.2.3)', async () => {
    const { connack } = await clients.connect({ id: 'limits' });
    expect(connack.properties.receiveMaximum).toBeGreaterThan(0);
    expect(connack.properties.maximumPacketSize).toBeGreaterThan(1024);
    expect(connack.properties.topicAliasMaximum).toBeGreaterThan(0);
    expect(connack.properties.assignedClientIdentifier).toBeUndefined();
  });

  it('with an empty client id gets one: told in 5.0, and its own each time [MQTT-3.1.3-6, 7, MQTT-3.2.2-16, MQTT3-3.1.3-6]', async () => {
    const first = await clients.connect({ id: '' });
    const second = await clients.connect({ id: '' });
    const name = first.connack.properties.assignedClientIdentifier ?? '';
    expect(name).not.toBe('');
    expect(second.connack.properties.assignedClientIdentifier).not.toBe(name);
    const old = await clients.connect({ level: 4, id: '' });
    expect(await old.drain()).toEqual([]);
    expect(await first.drain()).toEqual([]);
  });

  it('of 3.1 without a client id is refused with return code 2', async () => {
    const client = await clients.open(3);
    client.send(connectBytes({ level: 3, id: '' }));
    expect(await client.end()).toMatchObject([{ type: 'connack', reason: 0x85 }]);
  });

  it.each([
    'a client id far beyond 23 bytes'.repeat(20),
    'leerzeichen und umlaute äöü €',
    'a/b/+/#/$SYS',
    '__proto__',
    'constructor',
    'toString',
  ])('takes the client id %j as any other [MQTT3-3.1.3-2]', async (id) => {
    const client = await clients.connect({ level: 4, id, clean: false });
    client.destroy();
    const again = await clients.connect({ level: 4, id, clean: false });
    expect(again.connack.sessionPresent).toBe(true);
    again.destroy();
    await clients.connect({ level: 4, id, clean: true });
  });

  it('is followed at once by other packets, before CONNACK: all are answered, in order (4.9, small clients do it)', async () => {
    const client = await clients.open(4);
    client.send(
      connectBytes({ level: 4, id: 'pipelined' }),
      subscribeBytes(4, 1, [['pipelined/#', 1]]),
      publishBytes(4, 'pipelined/a', '1', { qos: 1, id: 2 }),
      PINGREQ,
    );
    await client.take('connack');
    await client.take('suback');
    await client.take('publish');
    await client.take('puback');
    await client.take('pingresp');
  });

  it('a byte at a time is the same', async () => {
    const client = await clients.open(5);
    await client.sendSlowly(connectBytes({ id: 'slowly', will: { topic: 'slowly/gone', payload: 'x' } }));
    expect((await client.take('connack')).reason).toBe(0);
  });

  it('with a user name and password that nobody knows is refused: return code 4 or 5, reason 0x86 or 0x87 [MQTT-3.1.4-2, MQTT-3.2.2-6, 7, MQTT3-3.2.2-4, 5]', async () => {
    for (const level of [4, 5] as const) {
      const client = await clients.open(level);
      client.send(connectBytes({ level, id: 'stranger', username: 'nobody', password: 'guess' }));
      const [connack] = await client.end();
      expect(connack).toMatchObject({ type: 'connack', sessionPresent: false });
      expect([0x86, 0x87]).toContain(connack?.type === 'connack' ? connack.reason : 0);
    }
  });

  it('of 5.0 with an authentication method that is not there: reason 0x8c [MQTT-4.12.0-1]', async () => {
    const client = await clients.open(5);
    client.send(connectBytes({ id: 'method', properties: Buffer.concat([Buffer.of(0x15), text('SCRAM')]) }));
    expect(await client.end()).toMatchObject([{ type: 'connack', reason: 0x8c }]);
  });

  it.each<readonly [string, Buffer, Level]>([
    [
      'a password without a user name in 3.1.1 [MQTT3-3.1.2-22]',
      packet(0x10, text('MQTT'), [4, 0x42, 0, 0], text('x'), text('p')),
      4,
    ],
    ['a will QoS without a will [MQTT3-3.1.2-13]', packet(0x10, text('MQTT'), [4, 0x0a, 0, 0], text('x')), 4],
    ['a will that is flagged and not there [MQTT3-3.1.2-9]', packet(0x10, text('MQTT'), [4, 0x06, 0, 0], text('x')), 4],
    ['a will topic with a wildcard', connectBytes({ level: 4, id: 'x', will: { topic: 'a/#' } }), 4],
    ['an empty will topic', connectBytes({ level: 4, id: 'x', will: { topic: '' } }), 4],
    [
      'a client id that is no UTF-8 [MQTT3-1.5.3-1, MQTT3-3.1.3-4]',
      packet(0x10, text('MQTT'), [4, 2, 0, 0], u16(2), [0xc3, 0x28]),
      4,
    ],
    ['a client id with NUL [MQTT3-1.5.3-2]', connectBytes({ level: 4, id: 'a\0b' }), 4],
    [
      'a surrogate in its client id [MQTT3-1.5.3-1]',
      packet(0x10, text('MQTT'), [4, 2, 0, 0], u16(3), [0xed, 0xa0, 0x80]),
      4,
    ],
    [
      'flags in its fixed header [MQTT3-2.2.2-2]',
      Buffer.concat([Buffer.of(0x11), connectBytes({ level: 4, id: 'x' }).subarray(1)]),
      4,
    ],
    ['a client id behind the end of the packet', packet(0x10, text('MQTT'), [4, 2, 0, 0], [0, 200, 0x61]), 4],
    ['a protocol name in small letters [MQTT3-3.1.2-1]', packet(0x10, text('mqtt'), [4, 2, 0, 0], text('x')), 4],
    ['level 4 under the name of 3.1', packet(0x10, text('MQIsdp'), [4, 2, 0, 0], text('x')), 4],
    ['no body at all', packet(0x10), 4],
    ['Receive Maximum 0 (3.1.2.11.3)', connectBytes({ id: 'x', properties: [0x21, 0, 0] }), 5],
    ['Maximum Packet Size 0 (3.1.2.11.4)', connectBytes({ id: 'x', properties: [0x27, 0, 0, 0, 0] }), 5],
    ['a property twice', connectBytes({ id: 'x', properties: [0x11, 0, 0, 0, 1, 0x11, 0, 0, 0, 1] }), 5],
    ['a flag property of 2', connectBytes({ id: 'x', properties: [0x17, 2] }), 5],
    ['a property of another packet', connectBytes({ id: 'x', properties: [0x23, 0, 1] }), 5],
    ['a property that does not exist', connectBytes({ id: 'x', properties: [0x7e, 0] }), 5],
    ['properties longer than the packet', packet(0x10, text('MQTT'), [5, 2, 0, 0, 0x7f], text('x')), 5],
    ['authentication data without a method (3.1.2.11.10)', connectBytes({ id: 'x', properties: [0x16, 0, 1, 1] }), 5],
    ['a delay of a will among its own properties', connectBytes({ id: 'x', properties: [0x18, 0, 0, 0, 1] }), 5],
    [
      'a wrong property in its will',
      connectBytes({ id: 'x', will: { topic: 'w', properties: [0x11, 0, 0, 0, 1] } }),
      5,
    ],
    ['a will property twice', connectBytes({ id: 'x', will: { topic: 'w', properties: [0x01, 1, 0x01, 1] } }), 5],
  ])('is never accepted with %s', async (_, bytes, level) => {
    const client = await clients.open(level);
    client.send(bytes);
    const answers = await client.end();
    expect(answers.length).toBeLessThanOrEqual(1);
    for (const answer of answers) {
      expect(answer.type).toBe('connack');
      expect(answer.type === 'connack' && answer.reason).toBeGreaterThanOrEqual(0x80);
    }
  });

  it.each([0, 6, 7, 0x7f])(
    'at protocol level %i is told that the version is not there [MQTT-3.1.2-2, MQTT3-3.1.2-2]',
    async (level) => {
      const client = await clients.open(4);
      client.send(packet(0x10, text('MQTT'), [level, 2, 0, 0], text('x')));
      const answer = await client.endBytes();
      expect([answer[0], [0x01, 0x84].includes(answer[3] ?? 0)]).toEqual([0x20, true]);
    },
  );
});

import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import type { Packet } from '../../src/codec/index.ts';
import { type RunningSonde, startSonde } from '../tooling/index.ts';
import {
  ackBytes,
  type Client,
  type ConnectSpec,
  clientsOf,
  LEVELS,
  publishBytes,
  subscribeBytes,
  u32,
  unsubscribeBytes,
} from './client.ts';

let sonde: RunningSonde;
const clients = clientsOf(() => sonde.mqttPort);
beforeAll(async () => {
  sonde = await startSonde();
});
afterAll(() => sonde?.stop());
afterEach(() => clients.closeAll());

let serial = 0;
const connect = (spec: ConnectSpec = {}) => {
  serial += 1;
  return clients.connect({ id: `shared-${serial}`, ...spec });
};
/** A session that outlives its connection. */
const lasting = (id: string, clean = false): ConnectSpec => ({ id, clean, properties: [0x11, ...u32(600)] });
/** Its session ends with it. */
const GOODBYE = Buffer.of(0xe0, 0);

const payloads = (packets: readonly Packet[]): string[] =>
  packets.flatMap((each) => (each.type === 'publish' ? [each.payload.toString()] : []));
const numbers = (count: number): string[] => Array.from({ length: count }, (_, n) => String(n));

/** Two members of one group and what each got of `count` messages. */
async function twoMembers(topic: string, options: number, spec: (id: string) => ConnectSpec = (id) => ({ id })) {
  serial += 1;
  const ids = [`one-${serial}`, `two-${serial}`] as const;
  const members: Client[] = [];
  for (const id of ids) {
    const member = await connect(spec(id));
    expect(await member.subscribe(`$share/g/${topic}`, options)).toBe(options & 3);
    members.push(member);
  }
  return { one: members[0] as Client, two: members[1] as Client, ids };
}

describe('a shared subscription', () => {
  it('is available, and CONNACK does not say otherwise (3.2.2.3.13)', async () => {
    const { connack } = await connect();
    expect(connack.properties.sharedSubscriptionAvailable ?? true).toBe(true);
  });

  it.each(LEVELS)('at level %i: each message goes to one of its members, whatever the QoS (4.8.2)', async (level) => {
    for (const qos of [0, 1, 2] as const) {
      const topic = `each/${level}/${qos}`;
      const { one, two } = await twoMembers(topic, qos, () => ({ level }));
      const publisher = await connect({ level });
      for (const text of numbers(10)) await publisher.publish(topic, text, { qos });
      const got = [payloads(await one.drain()), payloads(await two.drain())];
      expect(got.flat().sort()).toEqual(numbers(10));
      expect(got.map(({ length }) => length)).toEqual([5, 5]);
    }
  });

  it.each(['$share/', '$share//a', '$share/g', '$share/g/'])(
    '%j has no name or no filter and is refused [MQTT-4.8.2-1, MQTT-4.8.2-2]',
    async (filter) => {
      for (const level of [4, 5] as const) {
        const client = await connect({ level });
        expect(await client.subscribe(filter)).toBe(level === 5 ? 0x8f : 0x80);
      }
    },
  );

  it.each(['$share/g+/a', '$share/+/a', '$share/#', '$share/#/a', '$share/g#/a'])(
    '%j has a wildcard in its name and is refused [MQTT-4.8.2-2]',
    async (filter) => expect(await (await connect()).subscribe(filter)).toBe(0x8f),
  );

  it('with No Local ends the connection as a protocol error [MQTT-3.8.3-4]', async () => {
    const client = await connect();
    client.send(subscribeBytes(5, 1, [['$share/g/a', 0x04 | 1]]));
    expect((await client.take('disconnect')).reason).toBe(0x82);
    await client.end();
  });

  it('of other names or filters is another one; an ordinary one beside it gets its own copy (4.8.2)', async () => {
    const member = await connect();
    await member.subscribe('$share/consumer1/apart/+', 1, [0x0b, 7]);
    await member.subscribe('apart/#', 0, [0x0b, 9]);
    const second = await connect();
    await second.subscribe('$share/consumer2/apart/+', 1);
    const slash = await connect();
    await slash.subscribe('$share/consumer1//apart');
    const publisher = await connect();
    await publisher.publish('apart/x', '1', { qos: 1 });
    await publisher.publish('/apart', '2');
    const got = await member.drain();
    const seen = got.map((each) => each.type === 'publish' && [each.qos, each.properties.subscriptionIdentifiers]);
    expect(seen).toEqual([
      [0, [9]],
      [1, [7]],
    ]);
    expect(payloads(await second.drain())).toEqual(['1']);
    expect(payloads(await slash.drain())).toEqual(['2']);
  });

  it('with a wildcard first does not match names that start with $ [MQTT-4.7.2-1]', async () => {
    const { one } = await twoMembers('#', 0);
    const publisher = await connect();
    await publisher.publish('$hidden', 'x');
    expect(payloads(await one.drain())).toEqual([]);
  });

  it('is given the QoS of each member [MQTT-4.8.2-3]', async () => {
    const low = await connect();
    await low.subscribe('$share/g/granted', 0);
    const high = await connect();
    await high.subscribe('$share/g/granted', 2);
    const publisher = await connect();
    for (const text of numbers(2)) await publisher.publish('granted', text, { qos: 2 });
    expect(await low.drain()).toMatchObject([{ type: 'publish', qos: 0 }]);
    expect(await high.drain()).toMatchObject([{ type: 'publish', qos: 2 }]);
  });

  it('is sent no retained messages when it is made, nor to later members (4.8.2)', async () => {
    const publisher = await connect();
    await publisher.publish('shared/kept', 'x', { qos: 1, retain: true });
    const { one, two } = await twoMembers('shared/kept', 1);
    expect([await one.drain(), await two.drain()]).toEqual([[], []]);
  });

  it('is left by the first UNSUBSCRIBE with its whole text, however often it was asked for (4.8.2)', async () => {
    const { one, two } = await twoMembers('left', 1);
    await one.subscribe('$share/g/left', 1);
    one.send(unsubscribeBytes(5, 1, ['left', '$share/g/left']));
    expect((await one.take('unsuback')).reasons).toEqual([0x11, 0]);
    const publisher = await connect();
    for (const text of numbers(4)) await publisher.publish('left', text, { qos: 1 });
    expect(await one.drain()).toEqual([]);
    expect(payloads(await two.drain())).toEqual(numbers(4));
  });

  it('matches: a publisher is not told that there are no subscribers (3.4.2.1)', async () => {
    await twoMembers('matched', 0);
    const publisher = await connect();
    publisher.send(publishBytes(5, 'matched', 'x', { qos: 1, id: 5 }));
    expect((await publisher.take('puback')).reason).toBe(0);
  });
});

describe('a message of a shared subscription', () => {
  it('of QoS 1, not acknowledged, goes to another member when the session of the first ends (4.8.2)', async () => {
    const { one, two } = await twoMembers('handed/on', 1);
    const publisher = await connect();
    for (const text of numbers(6)) await publisher.publish('handed/on', text, { qos: 1 });
    const [first] = await one.drain();
    if (first?.type !== 'publish') throw new Error('a message was expected');
    one.send(ackBytes('puback', first.packetId));
    await one.drain();
    one.send(GOODBYE);
    await one.end();
    const got = await two.drain();
    expect(payloads(got)).toEqual(['1', '3', '5', '2', '4']);
    expect(got.some((each) => each.type === 'publish' && each.dup)).toBe(false);
  });

  it('of QoS 1 is sent to the same client again when it comes back (4.8.2)', async () => {
    const { one, two, ids } = await twoMembers('back/one', 1, lasting);
    const publisher = await connect();
    for (const text of numbers(2)) await publisher.publish('back/one', text, { qos: 1 });
    await one.drain();
    one.send(GOODBYE);
    await one.end();
    expect(payloads(await two.drain())).toEqual(['1']);
    const back = await connect(lasting(ids[0]));
    expect(await back.drain()).toMatchObject([{ type: 'publish', dup: true, payload: Buffer.from('0') }]);
  });

  it('of QoS 2 is completed to the same client when it comes back [MQTT-4.8.2-4]', async () => {
    const { one, two, ids } = await twoMembers('back/two', 2, lasting);
    const publisher = await connect();
    for (const text of numbers(4)) await publisher.publish('back/two', text, { qos: 2 });
    const [first] = await one.drain();
    if (first?.type !== 'publish') throw new Error('a message was expected');
    one.send(ackBytes('pubrec', first.packetId));
    await one.take('pubrel');
    one.send(GOODBYE);
    await one.end();
    expect(payloads(await two.drain())).toEqual(['1', '3']);
    const back = await connect(lasting(ids[0]));
    expect(await back.drain()).toMatchObject([
      { type: 'pubrel', packetId: first.packetId },
      { type: 'publish', dup: true, payload: Buffer.from('2') },
    ]);
  });

  it('of QoS 2 goes to nobody else when the session ends first [MQTT-4.8.2-5]', async () => {
    const { one, two, ids } = await twoMembers('ends/two', 2, lasting);
    const publisher = await connect();
    for (const text of numbers(2)) await publisher.publish('ends/two', text, { qos: 2 });
    await one.drain();
    one.send(GOODBYE);
    await one.end();
    await connect(lasting(ids[0], true)); // a clean start ends the session that was
    expect(payloads(await two.drain())).toEqual(['1']);
  });

  it.each([
    ['PUBACK', 1, 0x40],
    ['PUBREC', 2, 0x50],
  ] as const)('that a client refuses by %s goes to nobody else [MQTT-4.8.2-6]', async (_, qos, firstByte) => {
    const topic = `refused/${qos}`;
    const { one, two } = await twoMembers(topic, qos);
    const publisher = await connect();
    await publisher.publish(topic, 'x', { qos });
    const { packetId } = await one.take('publish');
    one.send(Buffer.of(firstByte, 3, packetId >> 8, packetId & 0xff, 0x83));
    expect(await one.drain()).toEqual([]);
    one.send(GOODBYE);
    await one.end();
    expect(payloads(await two.drain())).toEqual([]);
  });

  it('waits while all members are away, and comes in order to the first that is back (4.8.2)', async () => {
    const { one, two, ids } = await twoMembers('away', 1, lasting);
    for (const member of [one, two]) {
      member.send(GOODBYE);
      await member.end();
    }
    const publisher = await connect();
    for (const text of numbers(20)) await publisher.publish('away', text, { qos: 1 });
    const back = await connect(lasting(ids[1]));
    for (const text of numbers(20)) expect((await back.take('publish')).payload.toString()).toBe(text);
    expect(await back.drain()).toEqual([]);
  });

  it('is passed on with the window of each member in mind [MQTT-3.3.4-9]', async () => {
    serial += 1;
    const narrow = await connect({ id: `narrow-${serial}`, properties: [0x21, 0, 1] });
    const wide = await connect();
    for (const member of [narrow, wide]) await member.subscribe('$share/g/window', 1);
    const publisher = await connect();
    for (const text of numbers(6)) await publisher.publish('window', text, { qos: 1 });
    expect(payloads(await narrow.drain())).toEqual(['0']);
    expect(payloads(await wide.drain())).toEqual(['1', '2', '3', '4', '5']);
  });
});

describe('with sharedSubscriptions: sticky', () => {
  let sticky: RunningSonde;
  const others = clientsOf(() => sticky.mqttPort);
  beforeAll(async () => {
    sticky = await startSonde({ args: ['--shared-subscriptions', 'sticky'] });
  });
  afterAll(() => sticky?.stop());
  afterEach(() => others.closeAll());

  it('one member gets all as long as it is there, then another one (4.8.2 leaves the choice)', async () => {
    const one = await others.connect({ id: 'one' });
    const two = await others.connect({ id: 'two' });
    for (const member of [one, two]) await member.subscribe('$share/g/t', 1);
    const publisher = await others.connect({ id: 'publisher' });
    for (const text of numbers(5)) await publisher.publish('t', text, { qos: 1 });
    const got = await one.drain();
    expect([payloads(got), payloads(await two.drain())]).toEqual([numbers(5), []]);
    for (const each of got) if (each.type === 'publish') one.send(ackBytes('puback', each.packetId));
    await one.drain();
    one.send(GOODBYE);
    await one.end();
    await publisher.publish('t', 'after', { qos: 1 });
    expect(payloads(await two.drain())).toEqual(['after']);
  });
});

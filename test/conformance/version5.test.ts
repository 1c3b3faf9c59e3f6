import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { type RunningSonde, startSonde } from '../tooling/index.ts';
import {
  type Client,
  clientsOf,
  field,
  packet,
  publishBytes,
  subscribeBytes,
  text,
  u16,
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
const connect = (properties: readonly number[] = []): Promise<Client> => {
  serial += 1;
  return clients.connect({ id: `five-${serial}`, properties });
};

/** Every property of 2.2.2.2 with a value that is right in itself, and the packets of a client that may carry it. */
const PROPERTIES: readonly (readonly [name: string, bytes: Buffer, carriers: string])[] = [
  ['Payload Format Indicator', Buffer.of(0x01, 1), 'publish'],
  ['Message Expiry Interval', Buffer.of(0x02, 0, 0, 1, 0), 'publish'],
  ['Content Type', Buffer.concat([Buffer.of(0x03), text('text/plain')]), 'publish'],
  ['Response Topic', Buffer.concat([Buffer.of(0x08), text('answers')]), 'publish'],
  ['Correlation Data', Buffer.concat([Buffer.of(0x09), field(Buffer.of(1, 0))]), 'publish'],
  ['Subscription Identifier', Buffer.of(0x0b, 7), 'subscribe'],
  ['Session Expiry Interval', Buffer.of(0x11, 0, 0, 0, 0), 'disconnect'],
  ['Assigned Client Identifier', Buffer.concat([Buffer.of(0x12), text('x')]), ''],
  ['Server Keep Alive', Buffer.of(0x13, 0, 9), ''],
  ['Authentication Method', Buffer.concat([Buffer.of(0x15), text('x')]), ''],
  ['Authentication Data', Buffer.concat([Buffer.of(0x16), field(Buffer.of(1))]), ''],
  ['Request Problem Information', Buffer.of(0x17, 1), ''],
  ['Will Delay Interval', Buffer.of(0x18, 0, 0, 0, 1), ''],
  ['Request Response Information', Buffer.of(0x19, 1), ''],
  ['Response Information', Buffer.concat([Buffer.of(0x1a), text('x')]), ''],
  ['Server Reference', Buffer.concat([Buffer.of(0x1c), text('x')]), ''],
  ['Reason String', Buffer.concat([Buffer.of(0x1f), text('because')]), 'puback pubrec pubrel pubcomp disconnect'],
  ['Receive Maximum', Buffer.of(0x21, 0, 9), ''],
  ['Topic Alias Maximum', Buffer.of(0x22, 0, 9), ''],
  ['Topic Alias', Buffer.of(0x23, 0, 1), 'publish'],
  ['Maximum QoS', Buffer.of(0x24, 1), ''],
  ['Retain Available', Buffer.of(0x25, 1), ''],
  [
    'User Property',
    Buffer.concat([Buffer.of(0x26), text('name'), text('value')]),
    'publish subscribe unsubscribe puback pubrec pubrel pubcomp disconnect',
  ],
  ['Maximum Packet Size', Buffer.of(0x27, 0, 1, 0, 0), ''],
  ['Wildcard Subscription Available', Buffer.of(0x28, 1), ''],
  ['Subscription Identifier Available', Buffer.of(0x29, 1), ''],
  ['Shared Subscription Available', Buffer.of(0x2a, 1), ''],
  ['none that exists', Buffer.of(0x7d, 1), ''],
];

const withLength = (bytes: Buffer): Buffer => Buffer.concat([Buffer.of(bytes.length), bytes]);

/** A packet that is right in all but perhaps its properties. */
const CARRIERS: Readonly<Record<string, (properties: Buffer) => Buffer>> = {
  publish: (bytes) => packet(0x30, text('carrier'), withLength(bytes)),
  subscribe: (bytes) => packet(0x82, u16(1), withLength(bytes), text('carrier'), [0]),
  unsubscribe: (bytes) => packet(0xa2, u16(1), withLength(bytes), text('carrier')),
  puback: (bytes) => packet(0x40, u16(9), [0], withLength(bytes)),
  pubrec: (bytes) => packet(0x50, u16(9), [0], withLength(bytes)),
  pubrel: (bytes) => packet(0x62, u16(9), [0], withLength(bytes)),
  pubcomp: (bytes) => packet(0x70, u16(9), [0], withLength(bytes)),
  disconnect: (bytes) => packet(0xe0, [0], withLength(bytes)),
};

/** Says what was waited for when it does not come. */
function within<T>(promise: Promise<T>, what: string): Promise<T> {
  return promise.catch((error: unknown) => Promise.reject(new Error(`no ${what}`, { cause: error })));
}

describe('each property in each packet of 5.0', () => {
  it.each(Object.keys(CARRIERS))(
    '%s takes those of table 2-4 once, and ends the connection over all others and over duplicates',
    async (carrier) => {
      const build = CARRIERS[carrier] as (bytes: Buffer) => Buffer;
      for (const [name, bytes, carriers] of PROPERTIES) {
        const allowed = carriers.split(' ').includes(carrier);
        const client = await connect();
        client.send(build(bytes));
        // Of the server alone, but in the last packet there is nothing to end over it.
        if (carrier === 'disconnect' && name === 'Server Reference') continue;
        if (!allowed) {
          const last = (await within(client.end(), `the end over ${name}`)).at(-1);
          expect(last?.type, name).toBe('disconnect');
          expect([0x81, 0x82], name).toContain(last !== undefined && 'reason' in last ? last.reason : 0);
          continue;
        }
        if (carrier === 'disconnect') expect(await client.end(), name).toEqual([]);
        else await client.drain();
        const twice = await connect();
        twice.send(build(Buffer.concat([bytes, bytes])));
        if (name === 'User Property') {
          if (carrier === 'disconnect') expect(await twice.end()).toEqual([]);
          else await twice.drain();
        } else {
          const reasons = (await within(twice.end(), `the end over ${name} twice`)).map(
            (each) => each.type === 'disconnect' && each.reason,
          );
          expect(reasons, `${name} twice`).toEqual([0x82]);
        }
        client.destroy();
      }
    },
  );

  it('cut short at any byte ends the connection (each property of PUBLISH)', async () => {
    for (const [name, bytes, carriers] of PROPERTIES) {
      if (!carriers.includes('publish')) continue;
      for (let length = 1; length < bytes.length; length++) {
        const client = await connect();
        client.send(packet(0x30, text('cut'), withLength(bytes.subarray(0, length))));
        expect((await client.end()).at(-1), `${name} cut at ${length}`).toMatchObject({
          type: 'disconnect',
          reason: 0x81,
        });
      }
    }
  });
});

describe('a message of 5.0', () => {
  it('takes its properties along, and nothing that is between its publisher and the broker [MQTT-3.3.2-4, 15..18, 20]', async () => {
    const to = await connect();
    await to.subscribe('properties/#', 1);
    const old = await clients.connect({ level: 4, id: 'properties-4' });
    await old.subscribe('properties/#', 1);
    const from = await connect();
    const user = (name: string, value: string) => Buffer.concat([Buffer.of(0x26), text(name), text(value)]);
    const properties = Buffer.concat([
      ...PROPERTIES.filter(([, , carriers]) => carriers.includes('publish')).map(([, bytes]) => bytes),
      user('b', '1'),
      user('a', '2'),
      user('b', ''),
    ]);
    await from.publish('properties/all', 'x', { qos: 1, properties });
    const got = await to.take('publish');
    expect(got.properties).toMatchObject({
      payloadFormatIndicator: 1,
      contentType: 'text/plain',
      responseTopic: 'answers',
      correlationData: Buffer.of(1, 0),
      userProperties: [
        ['name', 'value'],
        ['b', '1'],
        ['a', '2'],
        ['b', ''],
      ],
    });
    expect(got.properties.messageExpiryInterval).toBeLessThanOrEqual(256);
    expect(got.properties.topicAlias).toBeUndefined();
    expect((await old.take('publish')).payload.toString()).toBe('x');
  });

  it('under a topic alias is of the topic that the alias was last set to, for one connection [MQTT-3.3.2-7, 12]', async () => {
    const to = await connect();
    await to.subscribe('alias/#');
    const from = await connect();
    const alias = (n: number) => [0x23, ...u16(n)];
    from.send(
      publishBytes(5, 'alias/a', '1', { properties: alias(1) }),
      publishBytes(5, '', '2', { properties: alias(1) }),
      publishBytes(5, 'alias/b', '3', { properties: alias(2) }),
      publishBytes(5, '', '4', { properties: alias(1) }),
      publishBytes(5, 'alias/c', '5', { properties: alias(1) }),
      publishBytes(5, '', '6', { properties: alias(1) }),
      publishBytes(5, '', '7', { properties: alias(2) }),
    );
    await from.drain();
    expect((await to.drain()).map((each) => each.type === 'publish' && `${each.topic} ${each.payload}`)).toEqual(
      ['a 1', 'a 2', 'b 3', 'a 4', 'c 5', 'c 6', 'b 7'].map((each) => `alias/${each}`),
    );
    // An alias is of one connection only.
    const other = await connect();
    other.send(publishBytes(5, '', 'x', { properties: alias(1) }));
    expect(await other.end()).toMatchObject([{ type: 'disconnect' }]);
  });

  it('beyond the Maximum Packet Size of a receiver is not sent to it, and the rest is [MQTT-3.1.2-24, 25]', async () => {
    const small = await connect([0x27, ...u32(100)]);
    const large = await connect();
    for (const client of [small, large]) await client.subscribe('size', 1);
    const from = await connect();
    await from.publish('size', 'x'.repeat(200), { qos: 1 });
    await from.publish('size', 'fits', { qos: 1 });
    await from.publish('size', 'x'.repeat(200), { qos: 0 });
    expect((await small.drain()).map((each) => each.type === 'publish' && each.payload.toString())).toEqual(['fits']);
    expect(await large.drain()).toHaveLength(3);
    // What was not sent holds no place in flight: many of them change nothing.
    for (let n = 0; n < 50; n++) await from.publish('size', 'x'.repeat(200), { qos: 1 });
    await from.publish('size', 'still', { qos: 1 });
    expect((await small.drain()).map((each) => each.type === 'publish' && each.payload.toString())).toEqual(['still']);
  });

  it('that the broker has under way beyond its own Receive Maximum ends the connection: reason 0x93 [MQTT-3.3.4-7]', async () => {
    const client = await clients.connect({ id: 'greedy' });
    const maximum = client.connack.properties.receiveMaximum ?? 65_535;
    for (let id = 1; id <= maximum + 1; id++) client.send(publishBytes(5, 'greedy', 'x', { qos: 2, id }));
    const last = (await client.end()).at(-1);
    expect(last).toMatchObject({ type: 'disconnect', reason: 0x93 });
  });
});

describe('a packet of 5.0 in its short and long forms', () => {
  it('may leave out reason and properties where the standard lets it', async () => {
    const client = await connect();
    client.send(
      packet(0x40, u16(1)),
      packet(0x40, u16(1), [0x10]),
      packet(0x40, u16(1), [0], [0]),
      packet(0x62, u16(1), [0x92]),
      subscribeBytes(5, 2, [['a', 0]]),
      unsubscribeBytes(5, 3, ['a']),
    );
    await client.take('pubcomp');
    await client.take('suback');
    await client.take('unsuback');
    expect(await client.drain()).toEqual([]);
  });

  it.each<readonly [string, Buffer]>([
    ['PUBACK with a reason that is not its own [MQTT-3.4.2-1]', packet(0x40, u16(1), [0x04])],
    ['PUBREL with a reason that is not its own [MQTT-3.6.2-1]', packet(0x62, u16(1), [0x10])],
    ['PUBREC with half an identifier', packet(0x50, [1])],
    ['PUBACK with more than it may have', packet(0x40, u16(1), [0], [0], [0])],
    ['AUTH without a method in CONNECT [MQTT-4.12.0-7]', packet(0xf0, [0x18], [0])],
    ['PUBCOMP with flags [MQTT-2.1.3-1]', packet(0x72, u16(1))],
    ['AUTH with flags [MQTT-3.15.1-1]', packet(0xf1)],
  ])('%s ends the connection', async (_, bytes) => {
    const client = await connect();
    client.send(bytes);
    const last = (await client.end()).at(-1);
    expect(last?.type === 'disconnect' ? last.reason : 0).toSatisfy(
      (reason: number) => reason === 0x81 || reason === 0x82,
    );
  });
});

import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { type RunningSonde, startSonde } from '../tooling/index.ts';
import { type Canary, startCanary } from './canary.ts';
import {
  clientsOf,
  connectBytes,
  PINGREQ,
  packet,
  properties,
  publishBytes,
  subscribeBytes,
  text,
  u16,
  u32,
} from './client.ts';

/** Every property of MQTT 5.0 (table 2-4): its bytes, and which packets a client may put it into. */
const PROPERTIES: readonly (readonly [name: string, bytes: readonly number[], carriers: string])[] = [
  ['payload format indicator', [0x01, 1], 'PUBLISH will'],
  ['message expiry interval', [0x02, ...u32(9)], 'PUBLISH will'],
  ['content type', [0x03, ...text('a')], 'PUBLISH will'],
  ['response topic', [0x08, ...text('a')], 'PUBLISH will'],
  ['correlation data', [0x09, ...text('a')], 'PUBLISH will'],
  ['subscription identifier', [0x0b, 1], 'SUBSCRIBE'],
  ['session expiry interval', [0x11, ...u32(0)], 'CONNECT DISCONNECT'],
  ['assigned client identifier', [0x12, ...text('a')], ''],
  ['server keep alive', [0x13, ...u16(9)], ''],
  ['authentication method', [0x15, ...text('a')], 'CONNECT AUTH'],
  ['authentication data', [0x16, ...text('a')], 'CONNECT AUTH'],
  ['request problem information', [0x17, 1], 'CONNECT'],
  ['will delay interval', [0x18, ...u32(0)], 'will'],
  ['request response information', [0x19, 1], 'CONNECT'],
  ['response information', [0x1a, ...text('a')], ''],
  ['server reference', [0x1c, ...text('a')], 'DISCONNECT'],
  ['reason string', [0x1f, ...text('a')], 'PUBACK PUBREC PUBREL PUBCOMP DISCONNECT AUTH'],
  ['receive maximum', [0x21, ...u16(9)], 'CONNECT'],
  ['topic alias maximum', [0x22, ...u16(9)], 'CONNECT'],
  ['topic alias', [0x23, ...u16(1)], 'PUBLISH'],
  ['maximum QoS', [0x24, 1], ''],
  ['retain available', [0x25, 1], ''],
  ['user property', [0x26, ...text('a'), ...text('b')], 'all'],
  ['maximum packet size', [0x27, ...u32(9000)], 'CONNECT'],
  ['wildcard subscription available', [0x28, 1], ''],
  ['subscription identifier available', [0x29, 1], ''],
  ['shared subscription available', [0x2a, 1], ''],
  ['an unknown property', [0x7f, 1], ''],
];

const TOPIC = 'harm/a';
const ack = (first: number) => (bytes: Buffer) => packet(first, u16(9), [0], properties(bytes));
/** Each packet of a client with these properties; not AUTH, which without a method is the end whatever it carries. */
const CARRIERS: readonly (readonly [name: string, make: (bytes: Buffer) => Buffer])[] = [
  ['CONNECT', (bytes) => connectBytes({ id: 'carrier', properties: bytes })],
  ['will', (bytes) => connectBytes({ id: 'carrier', will: { topic: TOPIC, payload: 'harm', properties: bytes } })],
  ['PUBLISH', (bytes) => publishBytes(5, TOPIC, 'harm', { qos: 1, id: 9, properties: bytes })],
  ['PUBACK', ack(0x40)],
  ['PUBREC', ack(0x50)],
  ['PUBREL', ack(0x62)],
  ['PUBCOMP', ack(0x70)],
  ['SUBSCRIBE', (bytes) => subscribeBytes(5, 9, [['else/#', 0]], bytes)],
  ['UNSUBSCRIBE', (bytes) => packet(0xa2, u16(9), properties(bytes), text('else/#'))],
  ['DISCONNECT', (bytes) => packet(0xe0, [0], properties(bytes))],
];

const mayCarry = (carrier: string, carriers: string) => carriers === 'all' || carriers.split(' ').includes(carrier);

describe('class 6: properties where they do not belong, or twice', () => {
  let sonde: RunningSonde;
  let canary: Canary;
  const clients = clientsOf(() => sonde.mqttPort);
  beforeAll(async () => {
    sonde = await startSonde();
    canary = await startCanary(sonde.mqttPort);
  });
  afterAll(async () => {
    await canary?.stop();
    await sonde?.stop();
    expect(sonde.log()).not.toMatch(/uncaught|unhandled|fault of Sonde|^\s+at /im);
  });
  afterEach(async () => {
    clients.closeAll();
    await canary.worstMs();
  });

  /** The last packet of the broker when it ended the connection, or null when it goes on. */
  async function answer(carrier: string, bytes: Buffer): Promise<number | null | undefined> {
    const isFirst = carrier === 'CONNECT' || carrier === 'will';
    const client = isFirst ? await clients.open(5) : await clients.connect({ level: 5, id: 'carrier' });
    client.send(bytes, PINGREQ);
    let last: number | undefined;
    for (;;) {
      const next = await client.anything();
      if (next === null) return last;
      if (next.type === 'pingresp') return null;
      last = next.type === 'disconnect' || next.type === 'connack' ? next.reason : undefined;
    }
  }

  it.each(CARRIERS)(
    '%s with each property that it may not carry is the end, and nobody is sent it',
    async (carrier, make) => {
      const watcher = await clients.connect({ level: 5, id: 'watcher' });
      await watcher.subscribe('harm/#', 1);
      for (const [name, bytes, carriers] of PROPERTIES) {
        if (mayCarry(carrier, carriers)) continue;
        const reason = await answer(carrier, make(Buffer.from(bytes)));
        expect([name, [0x81, 0x82].includes(reason ?? 0)], `reason ${reason}`).toEqual([name, true]);
      }
      expect(await watcher.drain()).toEqual([]);
    },
  );

  it.each(CARRIERS)('%s with a property twice that may come once is the end', async (carrier, make) => {
    for (const [name, bytes, carriers] of PROPERTIES) {
      if (!mayCarry(carrier, carriers) || name === 'user property') continue;
      const reason = await answer(carrier, make(Buffer.from([...bytes, ...bytes])));
      expect([name, [0x81, 0x82].includes(reason ?? 0)], `reason ${reason}`).toEqual([name, true]);
    }
  });

  it.each(CARRIERS.filter(([carrier]) => !['CONNECT', 'DISCONNECT'].includes(carrier)))(
    '%s with each property that it may carry goes through: what is refused above is refused for its property',
    async (carrier, make) => {
      for (const [name, bytes, carriers] of PROPERTIES) {
        if (mayCarry(carrier, carriers))
          expect([name, await answer(carrier, make(Buffer.from(bytes)))]).toEqual([name, null]);
      }
    },
  );
});

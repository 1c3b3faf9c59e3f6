import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { type RunningSonde, startSonde } from '../tooling/index.ts';
import { type Client, clientsOf, connectBytes, LEVELS, type Level, PINGREQ, packet, text, u16 } from './client.ts';

let sonde: RunningSonde;
const clients = clientsOf(() => sonde.mqttPort);
beforeAll(async () => {
  sonde = await startSonde();
});
afterAll(() => sonde?.stop());
afterEach(() => clients.closeAll());

const of5 = (level: Level, ...bytes: readonly number[]): readonly number[] => (level === 5 ? bytes : []);
const four = (base: number) => [base];
/** 3.1 sends some packets again with DUP set (MQTT 3.1, 2.1). */
const orDup = (flags: number, level: Level) => (level === 3 ? [flags, flags | 8] : [flags]);

/** A type of packet, with a body that is right for it, and what of it a client may send that is connected. */
type Row = {
  readonly name: string;
  readonly body: (level: Level) => Buffer;
  /** Values of the low half of the first byte that may be; none: a server is not sent such a packet. */
  readonly flags: (level: Level) => readonly number[];
  /** Its end is the end of the connection, without a fault. */
  readonly ends?: true;
};

const bytes = (...parts: readonly (Buffer | readonly number[])[]) =>
  Buffer.concat(parts.map((part) => Buffer.from(part)));
const ack = () => Buffer.from(u16(1));
const none = () => [];
const NOTHING = () => Buffer.alloc(0);
const connectBody = (level: Level) => connectBytes({ level, id: 'type-1' }).subarray(2);

// biome-ignore format: one line a packet type (3.1.1 and 5.0: 2.1.2 and 2.1.3, tables 2.1 and 2.2)
const TYPES: readonly Row[] = [
  { name: 'the reserved type 0', flags: none, body: NOTHING },
  { name: 'CONNECT', flags: none, body: connectBody }, // a second one [MQTT-3.1.0-2]
  { name: 'CONNACK', flags: none, body: (level) => bytes([0, 0], of5(level, 0)) },
  { name: 'PUBLISH', flags: () => [0, 1, 2, 3, 4, 5, 0xa, 0xb, 0xc, 0xd], body: (level) => bytes(text('types'), u16(1), of5(level, 0)) },
  { name: 'PUBACK', flags: () => four(0), body: ack },
  { name: 'PUBREC', flags: () => four(0), body: ack },
  { name: 'PUBREL', flags: (level) => orDup(2, level), body: ack },
  { name: 'PUBCOMP', flags: () => four(0), body: ack },
  { name: 'SUBSCRIBE', flags: (level) => orDup(2, level), body: (level) => bytes(u16(1), of5(level, 0), text('t'), [0]) },
  { name: 'SUBACK', flags: none, body: (level) => bytes(u16(1), of5(level, 0), [0]) },
  { name: 'UNSUBSCRIBE', flags: (level) => orDup(2, level), body: (level) => bytes(u16(1), of5(level, 0), text('t')) },
  { name: 'UNSUBACK', flags: none, body: (level) => bytes(u16(1), of5(level, 0, 0)) },
  { name: 'PINGREQ', flags: () => four(0), body: NOTHING },
  { name: 'PINGRESP', flags: none, body: NOTHING },
  { name: 'DISCONNECT', flags: () => four(0), body: NOTHING, ends: true },
  { name: 'AUTH, or the reserved type 15,', flags: none, body: NOTHING },
];

/** Whether the connection lives on after these bytes; on 5.0 a fault is told with a reason of its own kind. */
async function survives(client: Client, sent: Buffer): Promise<boolean> {
  client.send(sent, PINGREQ);
  for (;;) {
    const answer = await client.anything();
    if (answer === null) return false;
    if (answer.type === 'pingresp') return true;
    if (answer.type !== 'disconnect') continue;
    expect(client.level).toBe(5);
    expect([0x81, 0x82]).toContain(answer.reason); // [MQTT-4.13.1-1]
  }
}

const ALL_FLAGS = Array.from({ length: 16 }, (_, flags) => flags);
const table = LEVELS.flatMap((level) => TYPES.map((row, type) => [level, row.name, type, row] as const));

describe('a packet to the server', () => {
  it.each(table)(
    'at level %i: %s is taken with the flags that are its own, and with no others [MQTT-2.1.3-1, MQTT-3.10.1-1, MQTT3-2.2.2-1, 2, MQTT3-3.10.1-1, MQTT3-4.8.0-1]',
    async (level, _, type, row) => {
      const connected = await Promise.all(
        ALL_FLAGS.map((flags) => clients.connect({ level, id: `type-${type}-${flags}` })),
      );
      const lived = await Promise.all(
        connected.map((client, flags) => survives(client, packet((type << 4) | flags, row.body(level)))),
      );
      expect(ALL_FLAGS.filter((flags) => lived[flags])).toEqual(row.ends ? [] : row.flags(level));
    },
  );

  it.each(table)(
    'at level %i: %s before CONNECT ends the connection without an answer [MQTT-3.1.0-1, MQTT3-3.1.0-1]',
    async (level, _, type, row) => {
      const isConnect = type === 1;
      for (const flags of [0, 2]) {
        const client = await clients.open(level);
        client.send(packet((type << 4) | flags, row.body(level)));
        if (isConnect && flags === 0) {
          expect(await client.take('connack')).toMatchObject({ reason: 0 });
          continue;
        }
        const answer = await client.endBytes();
        // A CONNECT with wrong flags of 5.0 may be told so.
        if (isConnect && level === 5) expect([0, 0x81]).toContain(answer[3] ?? 0);
        else expect(answer).toHaveLength(0);
      }
    },
  );

  it.each(LEVELS)(
    'at level %i: what comes behind DISCONNECT is not read [MQTT-3.14.4-1, MQTT3-3.14.4-2]',
    async (level) => {
      const watcher = await clients.connect({ level, id: `behind-${level}` });
      await watcher.subscribe(`behind/${level}`, 0);
      const client = await clients.connect({ level, id: `leaving-${level}` });
      const late = packet(0x30, text(`behind/${level}`), of5(level, 0), [0x78]);
      client.send(Buffer.concat([Buffer.of(0xe0, 0), late]));
      expect(await client.end()).toEqual([]);
      expect(await watcher.drain()).toEqual([]);
    },
  );
});

/** Bodies that are too short or too long for their type; `from` is the first level for which they are. */
const LENGTHS: readonly (readonly [what: string, first: number, body: readonly number[], levels: readonly Level[]])[] =
  [
    ['PUBLISH without a topic length', 0x30, [], LEVELS],
    ['PUBLISH with half a topic length', 0x30, [0], LEVELS],
    ['PUBLISH that ends within its topic', 0x30, [0, 5, 0x61], LEVELS],
    ['PUBLISH at QoS 1 without an identifier', 0x32, [0, 1, 0x61], LEVELS],
    ['PUBLISH at QoS 1 with half an identifier', 0x32, [0, 1, 0x61, 0], LEVELS],
    ['PUBLISH without a property length', 0x30, [0, 1, 0x61], [5]],
    ...(
      [
        ['PUBACK', 0x40],
        ['PUBREC', 0x50],
        ['PUBREL', 0x62],
        ['PUBCOMP', 0x70],
      ] as const
    ).flatMap(([name, first]) => [
      [`${name} without an identifier`, first, [], LEVELS] as const,
      [`${name} with half an identifier`, first, [0], LEVELS] as const,
      [`${name} with a reason, which only 5.0 has`, first, [0, 1, 0], [3, 4]] as const,
      [`${name} with properties behind its end`, first, [0, 1, 0, 0, 0], LEVELS] as const,
      [`${name} whose properties are not there`, first, [0, 1, 0, 5], LEVELS] as const,
    ]),
    ['SUBSCRIBE without anything', 0x82, [], LEVELS],
    ['SUBSCRIBE without a filter [MQTT-3.8.3-2]', 0x82, [0, 1, 0], [5]],
    ['SUBSCRIBE without a filter [MQTT3-3.8.3-3]', 0x82, [0, 1], [3, 4]],
    ['SUBSCRIBE that ends before its QoS', 0x82, [0, 1, 0, 1, 0x61], [3, 4]],
    ['SUBSCRIBE with half a second filter', 0x82, [0, 1, 0, 1, 0x61, 0, 0], [3, 4]],
    ['UNSUBSCRIBE without anything', 0xa2, [], LEVELS],
    ['UNSUBSCRIBE without a filter [MQTT-3.10.3-2, MQTT3-3.10.3-2]', 0xa2, [0, 1], LEVELS],
    ['UNSUBSCRIBE that ends within its filter', 0xa2, [0, 1, 0, 5, 0x61], [3, 4]],
    ['PINGREQ with a body', 0xc0, [0], LEVELS],
    ['DISCONNECT with a body', 0xe0, [0], [3, 4]],
    ['DISCONNECT with half its properties', 0xe0, [0, 5, 0x11], [5]],
  ];

describe('a length that its type cannot have', () => {
  it.each(LENGTHS.flatMap(([what, first, body, levels]) => levels.map((level) => [level, what, first, body] as const)))(
    'at level %i ends the connection with a line in the log: %s',
    async (level, what, first, body) => {
      const id = `length-${level}-${LENGTHS.findIndex((row) => row[0] === what)}`;
      const client = await clients.connect({ level, id });
      expect(await survives(client, packet(first, body))).toBe(false);
      expect(sonde.log()).toMatch(new RegExp(`protocol error.*${id}\\b|${id}\\b.*protocol error`));
    },
  );
});

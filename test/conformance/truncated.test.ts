import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { type RunningSonde, startSonde } from '../tooling/index.ts';
import {
  ackBytes,
  type Client,
  clientsOf,
  connectBytes,
  DISCONNECT,
  type Level,
  PINGREQ,
  packet,
  properties,
  publishBytes,
  subscribeBytes,
  text,
  u16,
  unsubscribeBytes,
} from './client.ts';

/** Every packet that a client sends, with every optional part in it, to be cut at every byte. */
const samples: readonly (readonly [name: string, level: Level, bytes: Buffer])[] = ([4, 5] as const).flatMap(
  (level) => {
    const five = level === 5;
    const some = five ? Buffer.concat([Buffer.of(0x26), text('k'), text('v')]) : [];
    return [
      ['PUBLISH at QoS 1', level, packet(0x32, text('cut/a'), u16(1), five ? properties(some) : [])],
      [
        'SUBSCRIBE',
        level,
        subscribeBytes(
          level,
          1,
          [
            ['cut/b', 0],
            ['cut/c', 1],
          ],
          five ? Buffer.concat([Buffer.of(0x0b, 1), Buffer.from(some)]) : [],
        ),
      ],
      ['UNSUBSCRIBE', level, unsubscribeBytes(level, 1, ['cut/b', 'cut/c'])],
      ['PUBACK', level, five ? packet(0x40, u16(1), [0x10], properties(some)) : ackBytes('puback', 1)],
      ['PUBREL', level, five ? packet(0x62, u16(1), [0x92], properties(some)) : ackBytes('pubrel', 1)],
      ...(five ? [['DISCONNECT', level, packet(0xe0, [0x04], properties(some))] as const] : []),
    ] as const;
  },
);

const will = { topic: 'cut/will', payload: 'p' };
const connects = ([3, 4, 5] as const).map(
  (level) =>
    [
      level,
      connectBytes({
        level,
        id: 'cut',
        ...(level === 3 ? {} : { username: 'u', password: 'p' }), // 3.1 lets them be left out
        will,
        properties: level === 5 ? [0x21, 0, 5] : [],
      }),
    ] as const,
);

describe('class 3: a packet whose length lies', () => {
  let sonde: RunningSonde;
  const clients = clientsOf(() => sonde.mqttPort);
  let serial = 0;
  beforeAll(async () => {
    sonde = await startSonde();
  });
  afterAll(async () => {
    expect(sonde.log()).not.toMatch(/^\s+at /m);
    await sonde?.stop();
  });
  afterEach(() => clients.closeAll());

  const connect = (level: Level): Promise<Client> => {
    serial += 1;
    return clients.connect({ level, id: `cut-${serial}` });
  };

  /** The body of `bytes` up to `length`, with a header that says so. */
  const cut = (bytes: Buffer, length: number): Buffer => packet(bytes[0] as number, bytes.subarray(2, 2 + length));

  it.each(samples)(
    '%s at level %i: cut at each byte it is another right packet or the end, never a wait or a crash',
    async (_, level, bytes) => {
      expect(bytes.length).toBeLessThan(130); // one byte of remaining length
      for (let length = 0; length < bytes.length - 2; length++) {
        const client = await connect(level);
        client.send(cut(bytes, length), PINGREQ);
        // The PINGREQ behind it is answered (the shorter packet was a right one), or the connection is over.
        let found = await client.anything();
        while (found !== null && found.type !== 'pingresp') found = await client.anything();
        client.destroy();
      }
    },
  );

  it.each(samples)(
    '%s at level %i: with bytes behind its end that its length covers it is the end of the connection',
    async (name, level, bytes) => {
      // A PUBLISH ends where its length says, and what is behind its header is payload.
      if (name.startsWith('PUBLISH')) return;
      const client = await connect(level);
      client.send(packet(bytes[0] as number, bytes.subarray(2), [0xff]));
      const last = (await client.end()).at(-1);
      if (level === 5) expect(last).toMatchObject({ type: 'disconnect' });
    },
  );

  it.each(samples)(
    '%s at level %i: half of it, then silence, holds nothing up, and the rest makes it whole',
    async (name, level, bytes) => {
      const client = await connect(level);
      const half = bytes.length >> 1;
      client.send(bytes.subarray(0, half));
      const other = await connect(level);
      await other.publish('cut/other', 'x', { qos: 1 });
      client.send(bytes.subarray(half));
      if (name === 'DISCONNECT') expect(await client.end()).toEqual([]);
      else await client.drain();
    },
  );

  it.each(connects)('CONNECT at level %i: cut at each byte it is never accepted', async (level, bytes) => {
    for (let length = 0; length < bytes.length - 2; length++) {
      const client = await clients.open(level);
      client.send(cut(bytes, length));
      const answer = await client.endBytes();
      if (answer.length > 0) expect(answer[3], `cut at ${length}`).not.toBe(0);
      client.destroy();
    }
  });

  it('a PUBLISH whose length covers the next packet takes it as payload, and the stream stays in step', async () => {
    const watcher = await connect(4);
    await watcher.subscribe('swallow');
    const client = await connect(4);
    client.send(packet(0x30, text('swallow'), PINGREQ), PINGREQ);
    await client.take('pingresp');
    expect((await watcher.take('publish')).payload).toEqual(PINGREQ);
    expect(await client.drain()).toEqual([]);
  });

  it.each<readonly [string, Buffer]>([
    ['remaining length', Buffer.from([0xc0, 0x80, 0x00])],
    ['remaining length of three bytes', Buffer.from([0xc0, 0x80, 0x80, 0x00])],
    ['remaining length of five bytes', Buffer.from([0x30, 0x80, 0x80, 0x80, 0x80, 0x01])],
    ['property length', packet(0x30, text('a'), [0x80, 0x00])],
    ['property length of five bytes', packet(0x30, text('a'), [0x80, 0x80, 0x80, 0x80, 0x01])],
    ['property length of DISCONNECT', packet(0xe0, [0], [0x80, 0x80, 0x00])],
  ])('a %s that is not in the shortest form ends the connection: reason 0x81 [MQTT-1.5.5-1]', async (_, bytes) => {
    const client = await connect(5);
    client.send(bytes);
    expect((await client.end()).at(-1)).toMatchObject({ type: 'disconnect', reason: 0x81 });
  });

  it('split over many writes with other packets in between, all come through', async () => {
    const watcher = await connect(5);
    await watcher.subscribe('split/#', 1);
    const client = await connect(5);
    const all = Buffer.concat([
      publishBytes(5, 'split/1', 'x'.repeat(300), { qos: 1, id: 1 }),
      PINGREQ,
      publishBytes(5, 'split/2', '', { qos: 1, id: 2 }),
      publishBytes(5, 'split/3', 'y', { qos: 0 }),
      DISCONNECT,
    ]);
    await client.sendSlowly(all);
    expect((await client.end()).map(({ type }) => type)).toEqual(['puback', 'pingresp', 'puback']);
    expect((await watcher.drain()).map((each) => each.type === 'publish' && each.topic)).toEqual([
      'split/1',
      'split/2',
      'split/3',
    ]);
  });
});

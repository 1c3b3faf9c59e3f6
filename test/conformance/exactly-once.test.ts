import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { type RunningSonde, startSonde } from '../tooling/index.ts';
import { ackBytes, type Client, type ConnectSpec, clientsOf, LEVELS, type Level, publishBytes, u32 } from './client.ts';

/** The four packets of a QoS 2 message, in their order. */
const STEPS = ['PUBLISH', 'PUBREC', 'PUBREL', 'PUBCOMP'] as const;
type Step = (typeof STEPS)[number];

/** Every way to lose one packet, or one and then another, with the connection that it was on. */
const cuts: readonly (readonly Step[])[] = STEPS.flatMap((first) => [
  [first],
  ...STEPS.map((second) => [first, second] as const),
]);
const cases = LEVELS.flatMap((level) => cuts.map((lost) => [level, lost] as const));

let sonde: RunningSonde;
const clients = clientsOf(() => sonde.mqttPort);
beforeAll(async () => {
  sonde = await startSonde();
});
afterAll(() => sonde?.stop());
afterEach(() => clients.closeAll());

let serial = 0;
function kept(level: Level, id: string): ConnectSpec {
  return { level, id, clean: false, ...(level === 5 ? { properties: [0x11, ...u32(1000)] } : {}) };
}

/** Sends all of a packet but its last byte, and then nothing more: to the broker it never came. */
async function loseOnItsWay(client: Client, packet: Buffer): Promise<void> {
  client.send(packet.subarray(0, -1));
  await cut(client);
}

async function cut(client: Client): Promise<void> {
  const closed = new Promise((resolve) => client.socket.once('close', resolve));
  client.destroy();
  await closed;
}

describe('a message at QoS 2 to the broker', () => {
  /** A sender by the book: PUBLISH again, with DUP, until its PUBREC; then PUBREL until its PUBCOMP. */
  async function send(spec: ConnectSpec, topic: string, payload: string, lost: readonly Step[]): Promise<void> {
    const level = spec.level as Level;
    const ahead = [...lost];
    const isLost = (step: Step): boolean => ahead[0] === step && ahead.shift() !== undefined;
    let released = false;
    for (let dup = false; ; dup = true) {
      const client = await clients.connect(spec);
      if (!released) {
        const publish = publishBytes(level, topic, payload, { qos: 2, id: 77, dup });
        if (isLost('PUBLISH')) {
          await loseOnItsWay(client, publish);
          continue;
        }
        client.send(publish);
        expect(await client.take('pubrec')).toMatchObject({ packetId: 77 });
        if (isLost('PUBREC')) {
          await cut(client);
          continue;
        }
        released = true;
      }
      if (isLost('PUBREL')) {
        await loseOnItsWay(client, ackBytes('pubrel', 77));
        continue;
      }
      client.send(ackBytes('pubrel', 77));
      expect(await client.take('pubcomp')).toMatchObject({ packetId: 77 });
      const again = isLost('PUBCOMP');
      await cut(client);
      if (!again) return;
    }
  }

  it.each(cases)(
    'at level %i, with the connection cut at %j, is one message, and its identifier is free for the next [MQTT-4.3.3-8, 10..12, MQTT3-4.3.3-2]',
    async (level, lost) => {
      serial += 1;
      const topic = `once/to/${serial}`;
      const watcher = await clients.connect({ level, id: `watcher-${serial}` });
      await watcher.subscribe(topic, 2);
      const spec = kept(level, `sender-${serial}`);
      await send(spec, topic, 'first', lost);
      await send(spec, topic, 'second', []);
      const seen = (await watcher.drain()).map((each) => each.type === 'publish' && each.payload.toString());
      expect(seen).toEqual(['first', 'second']);
    },
  );
});

describe('a message at QoS 2 from the broker', () => {
  /** A receiver by the book: a message counts when its identifier is new, and the identifier is kept until PUBREL. */
  async function receive(spec: ConnectSpec, first: Client, lost: readonly Step[]): Promise<readonly string[]> {
    const ahead = [...lost];
    const isLost = (step: Step): boolean => ahead[0] === step && ahead.shift() !== undefined;
    const seen: string[] = [];
    const known = new Set<number>();
    let published = false;
    let released = false;
    for (let client = first; ; client = await clients.connect(spec)) {
      if (!released) {
        const message = await client.take('publish');
        expect(message.dup).toBe(published); // [MQTT-3.3.1-1]
        published = true;
        if (isLost('PUBLISH')) {
          await cut(client);
          continue;
        }
        if (!known.has(message.packetId)) seen.push(message.payload.toString());
        known.add(message.packetId);
        if (isLost('PUBREC')) {
          await loseOnItsWay(client, ackBytes('pubrec', message.packetId));
          continue;
        }
        client.send(ackBytes('pubrec', message.packetId));
        released = true;
      }
      // Once PUBREC has come, PUBREL it is and never PUBLISH again [MQTT-4.3.3-6].
      const { packetId } = await client.take('pubrel');
      if (isLost('PUBREL')) {
        await cut(client);
        continue;
      }
      known.delete(packetId);
      if (isLost('PUBCOMP')) {
        await loseOnItsWay(client, ackBytes('pubcomp', packetId));
        continue;
      }
      client.send(ackBytes('pubcomp', packetId));
      expect(await client.drain()).toEqual([]);
      await cut(client);
      return seen;
    }
  }

  it.each(cases)(
    'at level %i, with the connection cut at %j, is one message, and nothing of it is left [MQTT-4.3.3-4..6, MQTT-4.4.0-1, MQTT3-4.3.3-1, MQTT3-4.4.0-1]',
    async (level, lost) => {
      serial += 1;
      const topic = `once/from/${serial}`;
      const spec = kept(level, `receiver-${serial}`);
      const receiver = await clients.connect(spec);
      await receiver.subscribe(topic, 2);
      const from = await clients.connect({ level, id: `from-${serial}` });
      await from.publish(topic, 'once', { qos: 2, id: 5 });
      expect(await receive(spec, receiver, lost)).toEqual(['once']);
      const after = await clients.connect(spec);
      expect(await after.drain()).toEqual([]);
    },
  );
});

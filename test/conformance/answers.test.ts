import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { type RunningSonde, startSonde } from '../tooling/index.ts';
import {
  ackBytes,
  type Client,
  clientsOf,
  DISCONNECT,
  LEVELS,
  type Level,
  PINGREQ,
  packet,
  publishBytes,
  text,
  u16,
  unsubscribeBytes,
} from './client.ts';

let sonde: RunningSonde;
const clients = clientsOf(() => sonde.mqttPort);
let serial = 0;
const connect = (level: Level): Promise<Client> => {
  serial += 1;
  return clients.connect({ level, id: `answers-${serial}` });
};
beforeAll(async () => {
  sonde = await startSonde();
});
afterAll(() => sonde?.stop());
afterEach(() => clients.closeAll());

describe('the broker', () => {
  it.each(LEVELS)('at level %i answers each PINGREQ [MQTT-3.12.4-1, MQTT3-3.12.4-1]', async (level) => {
    const client = await connect(level);
    client.send(PINGREQ, PINGREQ, PINGREQ);
    for (let n = 0; n < 3; n++) await client.take('pingresp');
    expect(await client.drain()).toEqual([]);
  });

  it('says DISCONNECT once, without a session expiry, then nothing more, and closes [MQTT-3.14.2-2, MQTT-3.14.4-1, 2, MQTT-4.13.1-1]', async () => {
    const client = await clients.connect({ id: 'last-word', clean: false, properties: [0x11, 0, 0, 1, 0] });
    await client.subscribe('last/word');
    // A fault, with more behind it that would be answered.
    client.send(packet(0x36, text('a'), u16(1), [0]), PINGREQ, publishBytes(5, 'last/word', 'x', { qos: 1 }));
    const last = await client.end();
    expect(last).toMatchObject([{ type: 'disconnect', reason: 0x81 }]);
    expect(last[0]?.type === 'disconnect' && last[0].properties.sessionExpiryInterval).toBeUndefined();
  });

  it('takes the identifier of a PUBLISH that it refused with PUBREC for a new message [MQTT-4.3.3-9]', async () => {
    const to = await connect(5);
    await to.subscribe('allowed');
    const from = await connect(5);
    from.send(publishBytes(5, '$SYS/x', 'refused', { qos: 2, id: 5 }));
    expect(await from.take('pubrec')).toMatchObject({ packetId: 5, reason: 0x87 });
    from.send(publishBytes(5, 'allowed', 'taken', { qos: 2, id: 5 }));
    expect(await from.take('pubrec')).toMatchObject({ packetId: 5, reason: 0 });
    from.send(ackBytes('pubrel', 5));
    expect(await from.take('pubcomp')).toMatchObject({ packetId: 5, reason: 0 });
    expect((await to.take('publish')).payload.toString()).toBe('taken');
    expect(await to.drain()).toEqual([]);
  });

  it.each([4, 5] as const)(
    'at level %i finishes what it had begun to send when its subscription ends, also after a reconnect [MQTT-3.10.4-2, 3, MQTT3-3.10.4-2, 3]',
    async (level) => {
      const spec = {
        level,
        id: `begun-${level}`,
        clean: false,
        ...(level === 5 ? { properties: [0x11, 0, 0, 1, 0] } : {}),
      };
      const topic = `begun/${level}`;
      const from = await connect(level);
      const to = await clients.connect(spec);
      await to.subscribe(topic, 2);
      await from.publish(topic, 'one', { qos: 1 });
      await from.publish(topic, 'two', { qos: 2 });
      await from.publish(topic, 'three', { qos: 2 });
      const [one, two, three] = [await to.take('publish'), await to.take('publish'), await to.take('publish')];
      to.send(unsubscribeBytes(level, 9, [topic]));
      await to.take('unsuback');
      await from.publish(topic, 'nobody gets this', { qos: 2 });
      to.send(ackBytes('pubrec', two.packetId));
      expect(await to.take('pubrel')).toMatchObject({ packetId: two.packetId });
      to.send(ackBytes('pubcomp', two.packetId), DISCONNECT);
      await to.end();

      const again = await clients.connect(spec);
      expect(await again.take('publish')).toMatchObject({ packetId: one.packetId, dup: true, payload: one.payload });
      expect(await again.take('publish')).toMatchObject({
        packetId: three.packetId,
        dup: true,
        payload: three.payload,
      });
      expect(await again.drain()).toEqual([]);
    },
  );
});

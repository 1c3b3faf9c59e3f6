import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { type RunningSonde, startSonde } from '../tooling/index.ts';
import { clientsOf, u32 } from './client.ts';

let sonde: RunningSonde;
const clients = clientsOf(() => sonde.mqttPort);
beforeAll(async () => {
  sonde = await startSonde();
});
afterAll(() => sonde?.stop());
afterEach(() => clients.closeAll());

const interval = (seconds: number) => ({ properties: [0x02, ...u32(seconds)] });
const kept = { id: 'away', clean: false, properties: [0x11, ...u32(600)] };

/** Lets the server's own time pass: a will with a delay says when. */
async function serverSeconds(seconds: number): Promise<void> {
  const heir = await clients.connect({ id: 'heir' });
  await heir.subscribe('clock');
  const mortal = await clients.connect({
    ...kept,
    id: 'mortal',
    will: { topic: 'clock', properties: [0x18, ...u32(seconds)] },
  });
  mortal.destroy();
  await heir.take('publish', seconds * 1000 + 3000);
}

describe('Message Expiry Interval', () => {
  it('beyond which a message that waits, queued or retained, is not sent [MQTT-3.3.2-5], less the time it waited [MQTT-3.3.2-6]', async () => {
    const away = await clients.connect(kept);
    await away.subscribe('queue', 1);
    away.destroy();
    const from = await clients.connect({ id: 'from' });
    for (const topic of ['queue', 'retained/short', 'retained/long']) {
      const retain = topic !== 'queue';
      const [short, long] = [interval(1), interval(100)];
      if (topic !== 'retained/long') await from.publish(topic, 'short', { qos: 1, retain, ...short });
      if (topic !== 'retained/short') await from.publish(topic, 'long', { qos: 1, retain, ...long });
    }
    await serverSeconds(2);
    const back = await clients.connect(kept);
    const late = await clients.connect({ id: 'late' });
    await late.subscribe('retained/+');
    const got = [...(await back.drain()), ...(await late.drain())].flatMap((each) =>
      each.type === 'publish' ? [each] : [],
    );
    expect(got.map(({ topic, payload }) => `${topic} ${payload}`)).toEqual(['queue long', 'retained/long long']);
    for (const { properties } of got) {
      expect(properties.messageExpiryInterval).toBeGreaterThan(90);
      expect(properties.messageExpiryInterval).toBeLessThan(100);
    }
  });
});

import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type RunningSonde, startSonde } from '../tooling/index.ts';
import { type Client, clientsOf, publishBytes } from './client.ts';

const BOUND = 5;

/** Sonde as people start it, with a small bound. */
describe.each(['refuse-new', 'drop-oldest'] as const)('a queue at its bound, with --queue-policy %s', (policy) => {
  let sonde: RunningSonde;
  const clients = clientsOf(() => sonde.mqttPort);
  beforeAll(async () => {
    sonde = await startSonde({ args: ['--queue-policy', policy, '--limit', `maxQueuedMessages=${BOUND}`] });
  });
  afterAll(async () => {
    clients.closeAll();
    await sonde.stop();
  });

  const metric = async (name: string): Promise<number> => {
    const text = await (await fetch(`${sonde.url}/metrics`)).text();
    const line = text.split('\n').find((each) => each.startsWith(`${name} `));
    return Number(line?.slice(name.length));
  };

  async function publish(writer: Client, level: 4 | 5, count: number): Promise<number[]> {
    const reasons: number[] = [];
    for (let id = 1; id <= count; id++) {
      writer.send(publishBytes(level, 't', `m${id}`, { qos: 1, id }));
      reasons.push((await writer.take('puback')).reason);
    }
    return reasons;
  }

  it('says so to 5.0, acknowledges and counts for 3.1.1, and keeps what it had acknowledged as it promised', async () => {
    const away = await clients.connect({ level: 4, id: 'away', clean: false });
    await away.subscribe('t', 1);
    away.destroy();
    const refuses = policy === 'refuse-new';
    const five = await clients.connect({ level: 5, id: 'five' });
    const full = refuses ? 0x97 : 0;
    expect(await publish(five, 5, BOUND + 2)).toEqual([0, 0, 0, 0, 0, full, full]);
    const old = await clients.connect({ level: 4, id: 'old' });
    await publish(old, 4, 1);
    expect(await metric('sonde_queue_messages_refused_total')).toBe(refuses ? 3 : 0);
    expect(await metric('sonde_queue_messages_left_total{why="drop_oldest"}')).toBe(refuses ? 0 : 3);
    const answer = await fetch(`${sonde.url}/api/v1/publish`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ topic: 't', payload: 'http', qos: 1 }),
    });
    expect(answer.status).toBe(refuses ? 503 : 202);

    const back = await clients.connect({ level: 4, id: 'away', clean: false });
    const got: string[] = [];
    for (let n = 0; n < BOUND; n++) got.push((await back.take('publish')).payload.toString());
    expect(got).toEqual(refuses ? ['m1', 'm2', 'm3', 'm4', 'm5'] : ['m5', 'm6', 'm7', 'm1', 'http']);
    expect(await back.drain()).toEqual([]);
  });
});

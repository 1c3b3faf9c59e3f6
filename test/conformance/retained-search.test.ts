import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type RunningSonde, startSonde } from '../tooling/index.ts';
import { type Canary, residentMiB, startCanary } from './canary.ts';
import { clientsOf, publishBytes, subscribeBytes } from './client.ts';

/** Searching the retained messages is work that a client can ask for with eight bytes. */
describe('many retained messages', () => {
  let sonde: RunningSonde;
  let canary: Canary;
  const clients = clientsOf(() => sonde.mqttPort);
  const TOPICS = 60_000;

  beforeAll(async () => {
    sonde = await startSonde();
    const from = await clients.connect({ level: 4, id: 'filler' });
    for (let n = 0; n < TOPICS; n++) {
      from.send(publishBytes(4, `r${n % 300}/${n % 7}/${n}`, 'x', { retain: true }));
      if (n % 5000 === 0) await from.drain(10_000);
    }
    for (let n = 0; n < 2000; n++) from.send(publishBytes(4, `one/${n}`, 'x', { retain: true, qos: 1, id: n + 1 }));
    for (let acknowledged = 0; acknowledged < 2000; ) acknowledged += (await from.drain(10_000)).length;
    canary = await startCanary(sonde.mqttPort);
    await canary.worstMs();
  });
  afterAll(async () => {
    await canary?.stop();
    clients.closeAll();
    await sonde?.stop();
  });

  it('asked for again and again while they are not acknowledged, they are remembered once', async () => {
    const client = await clients.connect({ level: 4, id: 'insatiable' });
    client.socket.removeAllListeners('data').resume();
    const before = await residentMiB(sonde.pid, sonde.url);
    const other = await clients.connect({ level: 4, id: 'beside' });
    const again = Buffer.concat(Array.from({ length: 1000 }, () => subscribeBytes(4, 1, [['one/#', 1]])));
    for (let n = 0; n < 300; n++) {
      client.socket.write(again);
      if (n % 10 === 0) await other.drain(10_000);
    }
    expect((await residentMiB(sonde.pid, sonde.url)) - before).toBeLessThan(100);
    client.destroy();
  });

  it('all come to a subscriber of #, each once', async () => {
    const client = await clients.connect({ level: 4, id: 'all' });
    client.send(subscribeBytes(4, 1, [['#', 0]]));
    await client.take('suback');
    const topics = new Set<string>();
    while (topics.size < TOPICS + 2000) {
      const { topic } = await client.take('publish');
      if (topic.startsWith('canary/')) continue;
      expect(topics.has(topic)).toBe(false);
      topics.add(topic);
    }
    client.destroy();
  });

  it('hide nothing that is published while they are on their way, and hold no turn of the event loop for long', async () => {
    const client = await clients.connect({ level: 4, id: 'both' });
    const other = await clients.connect({ level: 4, id: 'meanwhile' });
    client.send(subscribeBytes(4, 1, [['#', 0]]));
    await client.take('suback');
    other.send(publishBytes(4, 'meanwhile', 'now'));
    let before = 0;
    for (;;) {
      const { topic } = await client.take('publish');
      if (topic === 'meanwhile') break;
      before += 1;
    }
    expect(before).toBeLessThan(TOPICS);
    for (let rest = TOPICS + 2000 - before; rest > 0; ) {
      const { topic } = await client.take('publish');
      if (!topic.startsWith('canary/')) rest -= 1;
    }
    client.destroy();
    const metrics = await (await fetch(`${sonde.url}/metrics`)).text();
    const longest = /^sonde_longest_turn_seconds\{work="retained search"\} (\S+)$/m.exec(metrics)?.[1];
    expect(Number(longest)).toBeLessThan(0.05);
  });

  it('are searched a little at a time: two hundred filters that match nothing hold nobody up', async () => {
    const client = await clients.connect({ level: 4, id: 'searcher' });
    await canary.worstMs();
    for (let n = 0; n < 200; n++) client.send(subscribeBytes(4, 1, [[`+/+/+/nothing-${n}`, 0]]));
    // Each of them would take tens of milliseconds at a stretch, all together seconds.
    expect(await canary.worstMs()).toBeLessThan(1000);
    expect(await canary.worstMs()).toBeLessThan(1000);
    client.destroy();
  });
});

import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { entry } from '../../scripts/workshop/paths.mjs';
import { type Canary, residentMiB, startCanary } from '../conformance/canary.ts';
import { clientsOf, publishBytes } from '../conformance/client.ts';
import { type RunningSonde, start, startSonde, waitFor } from '../tooling/index.ts';

type Info = {
  readonly clientId: string;
  readonly dropped: number;
  readonly queued: number;
  readonly connected: boolean;
};

describe.skipIf(process.platform === 'win32')('a subscriber whose process stands still', () => {
  let sonde: RunningSonde;
  let canary: Canary;
  let atRestMiB = 0;
  const clients = clientsOf(() => sonde.mqttPort);

  beforeAll(async () => {
    sonde = await startSonde();
    canary = await startCanary(sonde.mqttPort);
    await canary.worstMs();
    atRestMiB = await residentMiB(sonde.pid, sonde.url);
  });
  afterAll(async () => {
    await canary?.stop();
    clients.closeAll();
    await sonde?.stop();
  });

  async function clientInfo(id: string): Promise<Info> {
    const { clients: all } = (await (await fetch(`${sonde.url}/api/v1/clients`)).json()) as { clients: Info[] };
    const found = all.find(({ clientId }) => clientId === id);
    if (!found) throw new Error(`no client ${id}`);
    return found;
  }

  it.each([0, 1] as const)(
    'at QoS %i: memory is bounded, others go on, and what it did not get once it goes on is counted',
    async (qos) => {
      const id = `standing-${qos}`;
      const options = [
        '-p',
        String(sonde.mqttPort),
        '-h',
        '127.0.0.1',
        '-i',
        id,
        '-t',
        `still/${qos}`,
        '-q',
        String(qos),
      ];
      const subscriber = start(process.execPath, [entry, 'sub', ...options]);
      await waitFor('its subscription', async () => (await clientInfo(id)).connected);
      const from = await clients.connect({ level: 4, id: `pusher-${qos}` });
      await waitFor('the first message to come', async () => {
        await from.publish(`still/${qos}`, 'first', { qos });
        return subscriber.stdout().includes('first');
      });
      await canary.worstMs();
      subscriber.signal('SIGSTOP');
      // 60 MB at QoS 0; at QoS 1 as many messages again as its window holds.
      const count = qos === 0 ? 6000 : 4000;
      const filler = 'x'.repeat(10_000);
      for (let n = 0; n < count; n++) {
        from.socket.write(publishBytes(4, `still/${qos}`, `${n} ${filler}`, { qos, id: (n % 60_000) + 1 }));
        if (n % 250 === 249) await from.drain(20_000);
      }
      expect(await canary.worstMs()).toBeLessThan(2000);
      expect((await residentMiB(sonde.pid, sonde.url)) - atRestMiB).toBeLessThan(200);

      subscriber.signal('SIGCONT');
      await from.publish(`still/${qos}`, 'last', { qos });
      const gotten = (): number[] =>
        [...subscriber.stdout().matchAll(/^(\d+) x/gm)].map(([, number]) => Number(number));
      // Every message came or is counted as dropped.
      await waitFor(
        'it to catch up',
        async () => gotten().length + (await clientInfo(id)).dropped >= count && (await clientInfo(id)).queued === 0,
        20_000,
      );
      const numbers = gotten();
      expect(numbers).toEqual([...numbers].sort((a, b) => a - b));
      expect(new Set(numbers).size).toBe(numbers.length);
      const { dropped } = await clientInfo(id);
      if (qos === 1) expect([numbers.length, dropped]).toEqual([count, 0]);
      else expect(dropped).toBeGreaterThan(0);
      subscriber.signal('SIGTERM');
      await subscriber.exited;
    },
  );
});

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { ackBytes, clientsOf, subscribeBytes } from '../conformance/client.ts';
import { startSonde } from '../tooling/index.ts';

const CLIENTS = 400;
const STOP_MS = 5000;

it.skipIf(process.platform === 'win32')(
  'SIGTERM under load: all clients of 5.0 are told 0x8b, it is gone within 5 s, and what was acknowledged is there again',
  async () => {
    const dataDir = mkdtempSync(join(tmpdir(), 'sonde-stop-'));
    try {
      const first = await startSonde({ dataDir });
      const clients = clientsOf(() => first.mqttPort);
      const away = await clients.connect({ level: 4, id: 'away', clean: false });
      away.send(subscribeBytes(4, 1, [['kept/#', 1]]));
      await away.take('suback');
      away.destroy();
      const crowd = [];
      for (let n = 0; n < CLIENTS; n++) crowd.push(await clients.connect({ level: 5, id: `crowd-${n}` }));

      // Publishers at QoS 1 that go on until they are stopped; what is acknowledged is counted as it comes.
      const acknowledged = new Set<string>();
      const publishers = await Promise.all(
        ['a', 'b', 'c'].map(async (name) => {
          const client = await clients.connect({ level: 4, id: `publisher-${name}` });
          const publish = async (): Promise<void> => {
            for (let n = 1; n < 60_000; n++) {
              await client.publish('kept/x', `${name}${n}`, { qos: 1 });
              acknowledged.add(`${name}${n}`);
            }
          };
          return { client, ends: publish().catch(() => {}) };
        }),
      );
      while (acknowledged.size < 300) await new Promise((resolve) => setTimeout(resolve, 10));
      const since = performance.now();
      await first.stop();
      expect(performance.now() - since).toBeLessThan(STOP_MS);
      for (const { client } of publishers) client.destroy();
      await Promise.all(publishers.map(({ ends }) => ends));
      for (const client of crowd) {
        const last = (await client.end()).at(-1);
        expect(last).toMatchObject({ type: 'disconnect', reason: 0x8b });
      }
      clients.closeAll();

      const second = await startSonde({ dataDir });
      const again = clientsOf(() => second.mqttPort);
      const back = await again.connect({ level: 4, id: 'away', clean: false });
      const missing = new Set(acknowledged);
      while (missing.size > 0) {
        const message = await back.take('publish');
        missing.delete(Buffer.from(message.payload).toString());
        if (message.packetId !== null) back.send(ackBytes('puback', message.packetId));
      }
      again.closeAll();
      await second.stop();
    } finally {
      rmSync(dataDir, { recursive: true, force: true });
    }
  },
  60_000,
);

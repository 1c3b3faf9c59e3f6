import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { ackBytes, clientsOf, publishBytes, subscribeBytes } from '../conformance/client.ts';
import { openRaw, requireTool, startSonde, waitFor } from '../tooling/index.ts';
import { buildFaultyDisk, TOOLS } from './faults/disk-fault.ts';
import { health, historyPid, recorded } from './publishers.ts';

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
      rmSync(dataDir, { recursive: true, force: true, maxRetries: 5, retryDelay: 200 });
    }
  },
  60_000,
);

it.skipIf(process.platform !== 'linux')(
  'SIGTERM while history hangs and a request over HTTP is half sent: it is gone within 5 s, and what was acknowledged is there',
  async () => {
    const dataDir = mkdtempSync(join(tmpdir(), 'sonde-stop-'));
    let hung = 0;
    try {
      const first = await startSonde({ dataDir, history: 'duckdb' });
      const clients = clientsOf(() => first.mqttPort);
      const publisher = await clients.connect({ level: 4, id: 'publisher' });
      await publisher.publish('kept', '1', { qos: 1 });
      hung = await historyPid(first);
      process.kill(hung, 'SIGSTOP');
      for (let n = 2; n <= 50; n++) await publisher.publish('kept', String(n), { qos: 1 });
      const half = await openRaw(first.httpPort);
      half.send(
        Buffer.from('POST /api/v1/publish HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000\r\n\r\n{"topic"'),
      );
      expect(await health(first)).toBe('ok');
      const since = performance.now();
      await first.stop();
      expect(performance.now() - since).toBeLessThan(STOP_MS);
      half.destroy();
      clients.closeAll();

      const second = await startSonde({ dataDir, history: 'duckdb' });
      const all = Array.from({ length: 50 }, (_, n) => n + 1);
      await waitFor('the points', async () => (await recorded(second, 'kept')).length >= all.length);
      expect(await recorded(second, 'kept')).toEqual(all);
      await second.stop();
    } finally {
      try {
        if (hung > 0) process.kill(hung, 'SIGKILL');
      } catch {
        // Sonde has ended it.
      }
      rmSync(dataDir, { recursive: true, force: true, maxRetries: 5, retryDelay: 200 });
    }
  },
  60_000,
);

describe.skipIf(process.platform !== 'linux')('a stop while the disk does not answer', () => {
  requireTool(...TOOLS);

  it('is over within 5 s, says why, and nothing that was acknowledged is lost', async () => {
    const scratch = mkdtempSync(join(tmpdir(), 'sonde-stop-'));
    const dataDir = join(scratch, 'data');
    mkdirSync(dataDir);
    const disk = await buildFaultyDisk(scratch, dataDir);
    try {
      const first = await startSonde({ dataDir, env: disk.env });
      const clients = clientsOf(() => first.mqttPort);
      const away = await clients.connect({ level: 4, id: 'away', clean: false });
      await away.subscribe('kept', 1);
      away.destroy();
      const publisher = await clients.connect({ level: 4, id: 'publisher' });
      for (let n = 1; n <= 50; n++) await publisher.publish('kept', String(n), { qos: 1 });
      disk.begin('sync slow 20000');
      publisher.send(publishBytes(4, 'kept', 'late', { qos: 1, id: 7 }));
      const since = performance.now();
      process.kill(first.pid, 'SIGTERM');
      await first.process.exited;
      expect(performance.now() - since).toBeLessThan(STOP_MS);
      expect(first.process.stderr()).toContain('the disk does not answer');
      clients.closeAll();
      disk.end();

      const second = await startSonde({ dataDir });
      const again = clientsOf(() => second.mqttPort);
      const back = await again.connect({ level: 4, id: 'away', clean: false });
      for (let n = 1; n <= 50; n++) {
        const message = await back.take('publish');
        expect(Buffer.from(message.payload).toString()).toBe(String(n));
        back.send(ackBytes('puback', message.packetId));
      }
      again.closeAll();
      await second.stop();
    } finally {
      disk.end();
      rmSync(scratch, { recursive: true, force: true, maxRetries: 5 });
    }
  }, 60_000);
});

import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connectAsync } from 'mqtt';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type RunningSonde, sondeCommand, startSonde, waitFor } from '../tooling/index.ts';

/**
 * What survives `kill -9` in this version: history that was committed, and tokens. Sessions, retained messages and the
 * recorder's queue are in memory, so what was acknowledged in the last moment may be gone; nothing may be there twice.
 */
describe('after kill -9', () => {
  let dataDir: string;
  let sonde: RunningSonde;

  beforeEach(async () => {
    dataDir = mkdtempSync(join(tmpdir(), 'sonde-crash-'));
    sonde = await startSonde({ dataDir, history: 'duckdb' });
  });
  afterEach(async () => {
    await sonde?.stop();
    rmSync(dataDir, { recursive: true, force: true, maxRetries: 5, retryDelay: 200 });
  });

  /** The recorded numbers of a topic, in time order. */
  async function recorded(topic: string): Promise<number[]> {
    const response = await fetch(`${sonde.url}/api/v1/points?topic=${topic}&field=value&limit=100000`);
    if (response.status === 404) return [];
    expect(response.status).toBe(200);
    const { points } = (await response.json()) as { points: [string, number][] };
    return points.map(([, value]) => value);
  }

  async function publish(topic: string, from: number, count: number, qos: 0 | 1 | 2): Promise<void> {
    const client = await connectAsync(`mqtt://127.0.0.1:${sonde.mqttPort}`, { reconnectPeriod: 0 });
    await Promise.all(Array.from({ length: count }, (_, n) => client.publishAsync(topic, String(from + n), { qos })));
    await client.endAsync();
  }

  const numbers = (count: number) => Array.from({ length: count }, (_, n) => n);

  it.each([0, 1, 2] as const)('history still has what it had, once, and goes on: QoS %i', async (qos) => {
    await publish('crash/steady', 0, 500, qos);
    await waitFor('500 points', async () => (await recorded('crash/steady')).length === 500);
    await sonde.kill();
    sonde = await startSonde({ dataDir, history: 'duckdb' });
    expect(await recorded('crash/steady')).toEqual(numbers(500));
    await publish('crash/steady', 500, 100, qos);
    await waitFor('600 points', async () => (await recorded('crash/steady')).length >= 600);
    expect(await recorded('crash/steady')).toEqual(numbers(600));
  });

  it('history has no point twice, wherever in a commit the kill falls', async () => {
    let next = 0;
    for (const delayMs of [0, 5, 40, 120, 260]) {
      const client = await connectAsync(`mqtt://127.0.0.1:${sonde.mqttPort}`, { reconnectPeriod: 0 });
      for (const end = next + 400; next < end; next += 1) client.publish('crash/sweep', String(next), { qos: 1 });
      // Not a wait for something: the moment of the kill is what is swept.
      await new Promise((resolve) => setTimeout(resolve, delayMs));
      await sonde.kill();
      await client.endAsync(true);
      sonde = await startSonde({ dataDir, history: 'duckdb' });
    }
    const got = await recorded('crash/sweep');
    expect(new Set(got).size).toBe(got.length);
    expect([...got].sort((a, b) => a - b)).toEqual(got);
  });

  it('a token still opens the door', async () => {
    const args = ['token', 'create', '--data', dataDir, '--key', 'weather-mast', '--secret', 'not so secret'];
    expect((await sondeCommand(args)).code).toBe(0);
    await sonde.kill();
    sonde = await startSonde({ dataDir, anonymous: 'none', history: 'off' });
    const address = `mqtt://127.0.0.1:${sonde.mqttPort}`;
    const client = await connectAsync(address, { username: 'weather-mast', password: 'not so secret' });
    await client.endAsync();
    await expect(connectAsync(address, { username: 'weather-mast', password: 'wrong' }, false)).rejects.toThrow(
      /refused/,
    );
  });
});

describe('after the end of the history process', () => {
  it('Sonde starts another, and has every acknowledged message exactly once', async () => {
    const sonde = await startSonde({ history: 'duckdb' });
    try {
      const client = await connectAsync(`mqtt://127.0.0.1:${sonde.mqttPort}`);
      const pid = await historyPid(sonde);
      const sent = 2000;
      for (let n = 0; n < sent; n += 1) {
        await client.publishAsync('crash/child', String(n), { qos: 1 });
        if (n === sent / 2) process.kill(pid, 'SIGKILL');
      }
      await client.endAsync();
      let values: number[] = [];
      await waitFor(
        `${sent} points`,
        async () => {
          const response = await fetch(`${sonde.url}/api/v1/points?topic=crash/child&field=value&limit=10000`);
          if (!response.ok) return false;
          values = ((await response.json()) as { points: [string, number][] }).points.map(([, value]) => value);
          return values.length >= sent;
        },
        20_000,
      );
      expect(values).toEqual(Array.from({ length: sent }, (_, n) => n));
      expect(await historyPid(sonde)).not.toBe(pid);
    } finally {
      await sonde.stop();
    }
  });
});

/** The history process of a Sonde: its child. */
function historyPid(sonde: RunningSonde): Promise<number> {
  return waitFor('the history process', () => {
    for (const name of readdirSync('/proc').filter((entry) => /^\d+$/.test(entry))) {
      try {
        const status = readFileSync(`/proc/${name}/status`, 'utf8');
        if (Number(/^PPid:\s+(\d+)/m.exec(status)?.[1]) === sonde.pid && !/^State:\s+Z/m.test(status))
          return Number(name);
      } catch {
        // It ended while we looked.
      }
    }
    return null;
  });
}

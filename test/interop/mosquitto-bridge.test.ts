import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { type Client, clientsOf } from '../conformance/client.ts';
import {
  freePort,
  type Running,
  type RunningSonde,
  requireTool,
  startSonde,
  startTool,
  waitFor,
} from '../tooling/index.ts';

describe.each(['mqttv31', 'mqttv311'])("Mosquitto's bridge, as it is set up by default, in %s", (version) => {
  requireTool('mosquitto');
  let sonde: RunningSonde;
  let mosquitto: Running | undefined;
  let mosquittoPort = 0;
  const folder = mkdtempSync(join(tmpdir(), 'sonde-bridge-'));
  const here = clientsOf(() => sonde.mqttPort);
  const there = clientsOf(() => mosquittoPort);

  beforeAll(async () => {
    sonde = await startSonde();
    mosquittoPort = await freePort();
    const lines = [
      `listener ${mosquittoPort} 127.0.0.1`,
      'allow_anonymous true',
      'connection to-sonde',
      `address 127.0.0.1:${sonde.mqttPort}`,
      `bridge_protocol_version ${version}`,
      'topic # both 1',
      'notifications false',
      'restart_timeout 1',
    ];
    writeFileSync(join(folder, 'bridge.conf'), `${lines.join('\n')}\n`);
    mosquitto = startTool('mosquitto', ['-c', join(folder, 'bridge.conf')]);
    await waitFor('the bridge', async () => {
      const answer = (await (await fetch(`${sonde.url}/api/v1/clients`)).json()) as {
        clients: { subscriptions: unknown[] }[];
      };
      return answer.clients.some(({ subscriptions }) => subscriptions.length > 0);
    });
  });
  afterEach(() => {
    here.closeAll();
    there.closeAll();
  });
  afterAll(async () => {
    mosquitto?.signal('SIGTERM');
    await mosquitto?.exited;
    await sonde?.stop();
    rmSync(folder, { recursive: true, force: true, maxRetries: 5, retryDelay: 200 });
  });

  it('carries a message each way, once, with no echo, and its RETAIN flag', async () => {
    const heardHere = await here.connect({ level: 4, id: 'heard-here' });
    const heardThere = await there.connect({ level: 4, id: 'heard-there' });
    const saidHere = await here.connect({ level: 4, id: 'said-here' });
    const saidThere = await there.connect({ level: 4, id: 'said-there' });
    await heardHere.subscribe('bridged/#', 1);
    await heardThere.subscribe('bridged/#', 1);
    const next = async (client: Client): Promise<string> => {
      const { topic, payload } = await client.take('publish');
      return `${topic} ${payload}`;
    };

    await saidThere.publish('bridged/out', '1', { qos: 1, retain: true });
    expect([await next(heardThere), await next(heardHere)]).toEqual(['bridged/out 1', 'bridged/out 1']);
    await saidHere.publish('bridged/in', '2', { qos: 1, retain: true });
    expect([await next(heardHere), await next(heardThere)]).toEqual(['bridged/in 2', 'bridged/in 2']);
    // An echo of either would have come before these, on the same way.
    await saidThere.publish('bridged/end', '3', { qos: 1 });
    expect([await next(heardThere), await next(heardHere)]).toEqual(['bridged/end 3', 'bridged/end 3']);
    await saidHere.publish('bridged/end', '4', { qos: 1 });
    expect([await next(heardHere), await next(heardThere)]).toEqual(['bridged/end 4', 'bridged/end 4']);

    for (const clients of [here, there]) {
      const late = await clients.connect({ level: 4, id: 'late' });
      await late.subscribe('bridged/#', 0);
      const retained = (await late.drain()).flatMap((each) =>
        each.type === 'publish' && each.retain ? [each.topic] : [],
      );
      expect(retained.sort()).toEqual(['bridged/in', 'bridged/out']);
    }
  });
});

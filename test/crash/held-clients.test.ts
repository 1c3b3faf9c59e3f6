import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Umqtt } from '../interop/umqtt.ts';
import { type RunningSonde, requireTool, runTool, startPython, startSonde, waitFor } from '../tooling/index.ts';
import { historyPid, recorded } from './publishers.ts';

/** Four keep-alives. */
const HELD_MS = 4000;
const KEEP_ALIVE_S = 1;

const PUBLISHER = `
import sys
import paho.mqtt.client as mqtt

client = mqtt.Client("paho")
client.on_connect = lambda *of: print("connected")
client.on_disconnect = lambda *of: print("disconnected")
def on_publish(client, userdata, mid, *of):
    print("acknowledged", mid)
    if mid == 1:
        for value in (2, 3): client.publish("held/paho", value, qos=1)

client.on_publish = on_publish
client.on_log = lambda client, userdata, level, text: "PINGRESP" in text and print("answered")
client.connect("127.0.0.1", int(sys.argv[1]), int(sys.argv[2]))
client.publish("held/paho", 1, qos=1)
client.loop_forever()
`;

describe.skipIf(process.platform !== 'linux')('while publishers wait for room', () => {
  requireTool('python3-paho-mqtt', 'mosquitto_pub');
  let dataDir: string;
  let sonde: RunningSonde;

  beforeEach(async () => {
    dataDir = mkdtempSync(join(tmpdir(), 'sonde-held-'));
    sonde = await startSonde({ dataDir, history: 'duckdb', args: ['--limit', 'maxRecorderQueueMessages=1'] });
  });
  afterEach(async () => {
    await sonde?.kill();
    rmSync(dataDir, { recursive: true, force: true, maxRetries: 5, retryDelay: 200 });
  });

  async function publishersWaiting(): Promise<number> {
    const metrics = await (await fetch(`${sonde.url}/metrics`)).text();
    return Number(/^sonde_publishers_waiting (\d+)$/m.exec(metrics)?.[1]);
  }

  it("real clients stay connected, paho's pings are answered, and all that they sent is recorded once", async () => {
    const pid = await historyPid(sonde);
    process.kill(pid, 'SIGSTOP');
    const paho = startPython('python3-paho-mqtt', PUBLISHER, [`${sonde.mqttPort}`, `${KEEP_ALIVE_S}`]);
    try {
      await waitFor('paho to wait', async () => (await publishersWaiting()) === 1);
      // It waits for the PUBACK within publish(), and pings nobody meanwhile.
      const device = await Umqtt.open(sonde.mqttPort, 'umqtt', { keepAliveS: KEEP_ALIVE_S });
      await device.connect();
      const published = device.publish('held/umqtt', '1', 1);
      // It says good-bye at once, and does not wait for anything.
      const args = ['-p', `${sonde.mqttPort}`, '-i', 'mosquitto', '-t', 'held/mosquitto', '-m', '1'];
      expect((await runTool('mosquitto_pub', args)).code).toBe(0);
      expect(await publishersWaiting()).toBe(3);

      await new Promise((resolve) => setTimeout(resolve, HELD_MS));
      expect(paho.stdout()).toMatch(/^connected\nacknowledged 1\n(answered\n)+$/);
      expect(paho.stdout().match(/answered/g)?.length).toBeGreaterThanOrEqual(2);
      expect(await publishersWaiting()).toBe(3);

      process.kill(pid, 'SIGCONT');
      await published;
      await waitFor('the acknowledgements', () => /acknowledged 2\n(.*\n)*acknowledged 3\n/.test(paho.stdout()));
      expect(paho.stdout()).not.toContain('disconnected');
      await waitFor('the last one to go on', async () => (await publishersWaiting()) === 0);
      await waitFor("mosquitto_pub's in history", async () => (await recorded(sonde, 'held/mosquitto')).length > 0);
      expect(await recorded(sonde, 'held/mosquitto')).toEqual([1]);
      expect(await recorded(sonde, 'held/umqtt')).toEqual([1]);
      expect(await recorded(sonde, 'held/paho')).toEqual([1, 2, 3]);
      device.raw.destroy();
    } finally {
      process.kill(pid, 'SIGCONT');
      paho.signal('SIGKILL');
      await paho.exited;
    }
  });
});

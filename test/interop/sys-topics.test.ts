import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect, type MqttClient } from 'mqtt';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  freePort,
  hasTool,
  type Running,
  type RunningSonde,
  requireTool,
  startSonde,
  startTool,
  waitFor,
} from '../tooling/index.ts';

/** Topics of Mosquitto that Sonde does not have, and why. */
const LEFT_OUT: ReadonlyMap<string, string> = new Map([]);
/** How each value looks; Mosquitto's own have to look so too. */
const FORMS: readonly (readonly [topic: RegExp, form: RegExp])[] = [
  [/\/version$/, /^(mosquitto|sonde) version \d+\.\d+\.\d+/],
  [/\/uptime$/, /^\d+ seconds$/],
  [/\/load\//, /^\d+\.\d\d$/],
  [/./, /^\d+$/],
];

const folder = mkdtempSync(join(tmpdir(), 'sonde-sys-'));
let sonde: RunningSonde;
let mosquitto: Running | null = null;
let mosquittoPort = 0;

beforeAll(async () => {
  sonde = await startSonde({ env: { SONDE_SYS_INTERVAL_SECONDS: '1' } });
  if (!hasTool('mosquitto')) return;
  mosquittoPort = await freePort();
  const file = join(folder, 'mosquitto.conf');
  writeFileSync(file, `listener ${mosquittoPort} 127.0.0.1\nallow_anonymous true\nsys_interval 1\n`);
  mosquitto = startTool('mosquitto', ['-v', '-c', file]);
  await mosquitto.saw(/running/);
});
afterAll(async () => {
  mosquitto?.signal('SIGTERM');
  await mosquitto?.exited;
  await sonde?.stop();
  rmSync(folder, { recursive: true, force: true, maxRetries: 5, retryDelay: 200 });
});

describe('mosquitto_sub -t $SYS/#', () => {
  requireTool('mosquitto', 'mosquitto_sub');

  /** What `mosquitto_sub` prints until `last` comes. */
  async function read(port: number, version: string): Promise<ReadonlyMap<string, string>> {
    const subscriber = startTool('mosquitto_sub', [
      '-h',
      '127.0.0.1',
      '-p',
      String(port),
      '-V',
      version,
      '-t',
      '$SYS/#',
      '-F',
      '%t=%p',
    ]);
    // A value that changes comes after those that stand; Mosquitto has no maximum before its first round.
    const whole = () => {
      const text = subscriber.stdout();
      return text.includes('clients/maximum=') && /uptime=[\s\S]*uptime=/.test(text);
    };
    await waitFor('two rounds of $SYS', whole);
    subscriber.signal('SIGTERM');
    await subscriber.exited;
    const lines = subscriber.stdout().split('\n').filter(Boolean);
    return new Map(lines.map((line) => [line.slice(0, line.indexOf('=')), line.slice(line.indexOf('=') + 1)]));
  }

  it.each(['mqttv31', 'mqttv311', 'mqttv5'])(
    'shows on Sonde all that it shows on Mosquitto, with %s',
    async (version) => {
      const [theirs, ours] = await Promise.all([read(mosquittoPort, version), read(sonde.mqttPort, version)]);
      expect(theirs.size).toBeGreaterThan(50);
      expect([...theirs.keys()].filter((topic) => !ours.has(topic) && !LEFT_OUT.has(topic))).toEqual([]);
      expect([...ours.keys()].filter((topic) => !theirs.has(topic))).toEqual([]);
      for (const values of [theirs, ours]) {
        for (const [topic, value] of values) {
          const [, form] = FORMS.find(([name]) => name.test(topic)) ?? [];
          expect(`${topic} ${value}`).toMatch(new RegExp(`^${topic.replace('$', '\\$')} ${form?.source.slice(1)}`));
        }
      }
      expect([ours.get('$SYS/broker/clients/connected'), theirs.get('$SYS/broker/clients/connected')]).toEqual([
        '1',
        '1',
      ]);
    },
  );
});

describe('a client that looks at everything', () => {
  let client: MqttClient;
  afterAll(() => client?.endAsync(true));

  it('sees # and $SYS/#, as MQTT Explorer does', async () => {
    client = connect(`mqtt://127.0.0.1:${sonde.mqttPort}`, { clientId: 'mqtt-explorer-1', reconnectPeriod: 0 });
    const seen = new Map<string, string>();
    client.on('message', (topic, payload) => void seen.set(topic, payload.toString()));
    await new Promise((resolve) => client.once('connect', resolve));
    const granted = await client.subscribeAsync(['#', '$SYS/#']);
    expect(granted.map(({ qos }) => qos)).toEqual([0, 0]);
    await client.publishAsync('room/temperature', '21.5', { qos: 1, retain: true });
    await waitFor('both', () => seen.has('room/temperature') && seen.has('$SYS/broker/uptime'));
    const first = seen.get('$SYS/broker/uptime');
    await waitFor('the next round', () => seen.get('$SYS/broker/uptime') !== first);
    expect([...seen.keys()].filter((topic) => topic.startsWith('$') && !topic.startsWith('$SYS/broker/'))).toEqual([]);
  });
});

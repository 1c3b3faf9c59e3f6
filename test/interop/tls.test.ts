import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { connect, type IClientOptions } from 'mqtt';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  freePort,
  type RunningSonde,
  requireTool,
  runPython,
  runTool,
  startSonde,
  startTool,
  waitFor,
} from '../tooling/index.ts';

/** TLS with the certificate that Sonde makes itself: `--mqtts` and `--https` and nothing else. */
describe('TLS with the local CA', () => {
  let sonde: RunningSonde;
  let mqttsPort: number;
  let httpsPort: number;
  let ca: string;
  let serial = 0;

  beforeAll(async () => {
    [mqttsPort, httpsPort] = [await freePort(), await freePort()];
    sonde = await startSonde({ args: ['--mqtts', `127.0.0.1:${mqttsPort}`, '--https', `127.0.0.1:${httpsPort}`] });
    ca = join(sonde.dataDir, 'certificates', 'ca.pem');
  });
  afterAll(() => sonde?.stop());

  const newTopic = () => `interop/tls/${serial++}`;

  it('is said at the start, with the fingerprint, and the CA is at /ca.pem of both ports', async () => {
    expect(sonde.log()).toContain(ca);
    expect(sonde.log()).toMatch(/SHA-256 fingerprint: ([0-9A-F]{2}:){31}[0-9A-F]{2}/);
    const answer = await fetch(`${sonde.url}/ca.pem`);
    expect(answer.headers.get('content-type')).toMatch(/^application\/x-x509-ca-cert/);
    expect(await answer.text()).toBe(readFileSync(ca, 'utf8'));
  });

  describe('mosquitto', () => {
    requireTool('mosquitto_pub', 'mosquitto_sub');
    const at = (host = 'localhost') => ['-h', host, '-p', String(mqttsPort), '--cafile', ca];

    it.each(['tlsv1.2', 'tlsv1.3'])('publishes and subscribes with %s', async (version) => {
      const topic = newTopic();
      const args = [...at(), '--tls-version', version, '-t', topic, '-q', '1'];
      expect(await runTool('mosquitto_pub', [...args, '-r', '-m', 'kept'])).toMatchObject({ code: 0, stderr: '' });
      const got = await runTool('mosquitto_sub', [...args, '-C', '1', '-W', '10', '-F', '%q %r %p']);
      expect(got).toMatchObject({ code: 0, stdout: '1 1 kept\n' });
    });

    it('moves 5,000 lines in order', async () => {
      const topic = newTopic();
      const lines = Array.from({ length: 5000 }, (_, n) => `line ${n}`);
      // A retained message that comes first: its subscriptions stand.
      expect((await runTool('mosquitto_pub', [...at(), '-t', 'interop-ready', '-r', '-m', 'ready'])).code).toBe(0);
      const wanted = ['-t', 'interop-ready', '-t', topic, '-q', '1', '-C', '5001'];
      const subscriber = startTool('mosquitto_sub', [...at(), ...wanted]);
      await subscriber.saw(/ready/);
      await runTool('mosquitto_pub', [...at('127.0.0.1'), '-t', topic, '-q', '1', '-l'], `${lines.join('\n')}\n`);
      await subscriber.exited;
      const got = subscriber.stdout().split('\n');
      expect(got.filter((line) => line.startsWith('line '))).toEqual(lines);
    });

    it('without the CA fails, and the log says why', async () => {
      const args = ['-h', 'localhost', '-p', String(mqttsPort), '--capath', '/etc/ssl/certs', '-t', 'a', '-m', 'b'];
      expect((await runTool('mosquitto_pub', args)).code).not.toBe(0);
      await waitFor('the hint', () => /the client does not trust the certificate/.test(sonde.log()));
    });

    it('speaking plain MQTT to the TLS port is told so in the log', async () => {
      expect((await runTool('mosquitto_pub', ['-p', String(mqttsPort), '-t', 'a', '-m', 'b'])).code).not.toBe(0);
      await waitFor('the hint', () => /what came is no TLS/.test(sonde.log()));
    });
  });

  describe('paho for Python', () => {
    requireTool('python3-paho-mqtt');
    const PROGRAM = `
import sys, threading
import paho.mqtt.client as mqtt
transport, port, ca, topic, protocol = sys.argv[1:6]
done = threading.Event()
def on_connect(client, *more): client.subscribe(topic, 1)
def on_subscribe(client, *more): client.publish(topic, "x" * 100000, 1)
def on_message(client, userdata, message):
    print(message.topic, len(message.payload), message.qos)
    done.set()
client = mqtt.Client("", transport=transport, protocol=int(protocol))
client.on_connect, client.on_subscribe, client.on_message = on_connect, on_subscribe, on_message
client.tls_set(ca)
if transport == "websockets": client.ws_set_options(path="/mqtt")
client.connect("localhost", int(port))
client.loop_start()
ok = done.wait(10)
client.disconnect()
client.loop_stop()
sys.exit(0 if ok else 1)
`;
    it.each([
      ['tcp', '3.1.1', '4'],
      ['tcp', '5.0', '5'],
      ['websockets', '3.1.1', '4'],
      ['websockets', '5.0', '5'],
    ])('over TLS and %s, MQTT %s', async (transport, _, protocol) => {
      const topic = newTopic();
      const port = transport === 'tcp' ? mqttsPort : httpsPort;
      const result = await runPython('python3-paho-mqtt', PROGRAM, [transport, String(port), ca, topic, protocol]);
      expect(result).toMatchObject({ code: 0, stdout: `${topic} 100000 1\n` });
    });
  });

  describe.each(['mqtts', 'wss'] as const)('MQTT.js over %s', (scheme) => {
    it.each([4, 5] as const)('protocol level %i: QoS 0 to 2, an empty payload and one of 1 MiB', async (level) => {
      const topic = newTopic();
      const url = scheme === 'mqtts' ? `mqtts://localhost:${mqttsPort}` : `wss://localhost:${httpsPort}/mqtt`;
      const trust = { ca: readFileSync(ca) };
      const options: IClientOptions =
        scheme === 'mqtts' ? trust : ({ wsOptions: { ...trust, protocolVersion: 13 } } as IClientOptions);
      const client = connect(url, { protocolVersion: level, reconnectPeriod: 0, connectTimeout: 5000, ...options });
      const got: string[] = [];
      client.on('message', (_topic, payload) => got.push(payload.toString()));
      await new Promise<void>((resolve, reject) => client.once('connect', () => resolve()).once('error', reject));
      await client.subscribeAsync(topic, { qos: 2 });
      const large = 'x'.repeat(1024 * 1024);
      for (const [qos, payload] of [
        [0, 'a'],
        [1, ''],
        [2, large],
      ] as const) {
        await client.publishAsync(topic, payload, { qos });
      }
      await waitFor('all three', () => got.length === 3);
      expect(got.map((payload) => payload.length)).toEqual([1, 0, large.length]);
      await client.endAsync(true);
    });
  });

  describe('curl', () => {
    requireTool('curl');
    it('gets REST by name and by address, and is local', async () => {
      for (const host of ['localhost', '127.0.0.1']) {
        const got = await runTool('curl', ['-sS', '--cacert', ca, `https://${host}:${httpsPort}/api/v1/session`]);
        expect(got).toMatchObject({ code: 0, stderr: '' });
        expect(JSON.parse(got.stdout)).toMatchObject({ principal: 'anonymous', local: true });
      }
    });

    it('is refused without TLS', async () => {
      expect((await runTool('curl', ['-sS', `http://127.0.0.1:${httpsPort}/health`])).code).not.toBe(0);
      await waitFor('the hint', () => /plain HTTP came to a TLS port/.test(sonde.log()));
    });
  });

  it('a page that came without TLS may not open a secure WebSocket', async () => {
    const { WebSocket } = await import('ws');
    const open = (origin: string) =>
      new Promise<string>((resolve) => {
        const options = { ca: readFileSync(ca), origin };
        const socket = new WebSocket(`wss://localhost:${httpsPort}/mqtt`, 'mqtt', options);
        socket.on('open', () => resolve('open')).on('error', (error) => resolve(error.message));
        socket.on('open', () => socket.terminate());
      });
    expect(await open(`https://localhost:${httpsPort}`)).toBe('open');
    expect(await open(`http://localhost:${httpsPort}`)).toMatch(/403/);
  });
});

import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type RunningSonde, requireTool, runPython, sondeCommand, startPython, startSonde } from '../tooling/index.ts';

/** As people write it who learn from a page: connect, subscribe at once, and only then begin to loop. */
const SUBSCRIBER = `
import sys
import paho.mqtt.client as mqtt

def on_message(client, userdata, msg):
    print(msg.topic + " " + str(msg.payload))

client = mqtt.Client(sys.argv[2])
client.username_pw_set(sys.argv[3], sys.argv[4])
client.on_message = on_message
client.connect("127.0.0.1", int(sys.argv[1]), 60)
client.subscribe("/sensors/temperature")
client.publish("/sensors/ready", sys.argv[2])
while True:
    client.loop()
`;

const PUBLISHER = `
import sys
import paho.mqtt.client as mqtt

client = mqtt.Client()
client.username_pw_set(sys.argv[2], sys.argv[3])
client.connect("127.0.0.1", int(sys.argv[1]), 0)
client.loop_start()
for value in (30, 25.6875, "text"):
    client.publish("/sensors/temperature", value).wait_for_publish()
client.disconnect()
client.loop_stop()
`;

const QUALITIES = `
import sys, threading
import paho.mqtt.client as mqtt

done = threading.Event()
got = []

def on_connect(client, userdata, flags, rc, *more):
    print("connected", rc if isinstance(rc, int) else rc.value)
    client.subscribe([("qualities/0", 0), ("qualities/1", 1), ("qualities/2", 2)])

def on_subscribe(client, userdata, mid, granted, *more):
    print("granted", [g if isinstance(g, int) else g.value for g in granted])
    for qos in (0, 1, 2):
        client.publish("qualities/%d" % qos, "value %d" % qos, qos=qos)

def on_message(client, userdata, msg):
    got.append((msg.topic, msg.payload.decode(), msg.qos))
    if len(got) == 3: done.set()

client = mqtt.Client("", protocol=int(sys.argv[2]))
client.on_connect, client.on_subscribe, client.on_message = on_connect, on_subscribe, on_message
client.username_pw_set(sys.argv[3], sys.argv[4])
client.connect("127.0.0.1", int(sys.argv[1]))
client.loop_start()
ok = done.wait(10)
client.disconnect()
client.loop_stop()
for line in sorted(got): print(*line)
sys.exit(0 if ok else 1)
`;

const login = ['gardenSensors', 'a secret of its own'] as const;

describe('paho for Python', () => {
  requireTool('python3-paho-mqtt');
  let sonde: RunningSonde;
  beforeAll(async () => {
    // Nobody without a token: checking a secret takes its time, and SUBSCRIBE comes before it is done.
    sonde = await startSonde({ anonymous: 'none' });
    if (process.env['WORKSHOP_BROKER']) return;
    const args = ['token', 'create', '--data', sonde.dataDir, '--key', login[0], '--secret', login[1]];
    expect((await sondeCommand(args)).code).toBe(0);
  });
  afterAll(() => sonde?.stop());

  it('subscribes before its loop runs, and gets numbers as the text that paho makes of them', async () => {
    const port = String(sonde.mqttPort);
    const watcher = SUBSCRIBER.replaceAll('/sensors/temperature', '/sensors/ready');
    const ready = startPython('python3-paho-mqtt', watcher, [port, 'watch', ...login]);
    await ready.saw(/ready/);
    const subscriber = startPython('python3-paho-mqtt', SUBSCRIBER, [port, 'python', ...login]);
    // PUBLISH follows SUBSCRIBE on the same connection: when others have it, the subscription stands.
    await ready.saw(/\/sensors\/ready b'python'/);
    expect((await runPython('python3-paho-mqtt', PUBLISHER, [port, ...login])).code).toBe(0);
    await subscriber.saw(/b'text'/);
    expect(subscriber.stdout().trim().split('\n')).toEqual([
      "/sensors/temperature b'30'",
      "/sensors/temperature b'25.6875'",
      "/sensors/temperature b'text'",
    ]);
    for (const program of [ready, subscriber]) {
      program.signal('SIGKILL');
      await program.exited;
    }
  });

  it.each([
    ['3.1', '3'],
    ['3.1.1', '4'],
    ['5.0', '5'],
  ])('moves QoS 0, 1 and 2 with an empty client id, MQTT %s', async (version, protocol) => {
    // MQTT 3.1 has no empty client id (3.1, CONNECT: 1 to 23 characters).
    const program = version === '3.1' ? QUALITIES.replace('Client("",', 'Client("paho-31",') : QUALITIES;
    const result = await runPython('python3-paho-mqtt', program, [String(sonde.mqttPort), protocol, ...login]);
    expect(result).toMatchObject({ code: 0, stderr: '' });
    expect(result.stdout.trim().split('\n')).toEqual([
      'connected 0',
      'granted [0, 1, 2]',
      'qualities/0 value 0 0',
      'qualities/1 value 1 1',
      'qualities/2 value 2 2',
    ]);
  });
});

import { connect as connectTo, type Socket } from 'node:net';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { clientsOf } from '../conformance/client.ts';
import {
  hex,
  openRaw,
  type RawClient,
  type RunningSonde,
  requireTool,
  runPython,
  startSonde,
  waitFor,
} from '../tooling/index.ts';

let sonde: RunningSonde;
const open: { destroy: () => void }[] = [];
const clients = clientsOf(() => sonde.mqttPort);
beforeAll(async () => {
  sonde = await startSonde();
});
afterAll(() => sonde?.stop());
afterEach(() => {
  clients.closeAll();
  for (const each of open.splice(0)) each.destroy();
});

async function raw(): Promise<RawClient> {
  const client = await openRaw(sonde.mqttPort);
  open.push(client);
  return client;
}

/** What a program prints that ended well, as lines. */
async function paho(program: string): Promise<readonly string[]> {
  const result = await runPython('python3-paho-mqtt', program, [String(sonde.mqttPort)]);
  expect(result, result.stderr).toMatchObject({ code: 0 });
  return result.stdout.trim().split('\n');
}

describe('paho-python 1.x', () => {
  requireTool('python3-paho-mqtt');

  it('mqtt.Client() has a client id of zero bytes: each is given one of its own, and none takes another over', async () => {
    const lines = await paho(`
import sys, threading, paho.mqtt.client as mqtt
ready = threading.Barrier(4)
lost = []
def run():
    client = mqtt.Client()
    # One write a line: three threads print here.
    client.on_connect = lambda *a: (sys.stdout.write(f"connected {a[2]} {a[3]}\\n"), ready.wait(10))
    client.on_disconnect = lambda c, u, rc: rc and lost.append(rc)
    client.connect("127.0.0.1", int(sys.argv[1]), 0)
    client.loop_start()
    return client
all = [run() for _ in range(3)]
ready.wait(10)
for client in all: client.disconnect()
for client in all: client.loop_stop()
print("lost", lost)
`);
    expect(lines.slice(0, 3)).toEqual(Array(3).fill("connected {'session present': 0} 0"));
    expect(lines[3]).toBe('lost []');
  });

  it('more than its 20 messages in flight at QoS 1 and 2, and QoS 0 from before its CONNACK, all arrive once', async () => {
    const watcher = await clients.connect({ level: 4, id: 'burst-watcher' });
    await watcher.subscribe('burst/#', 0);
    await paho(`
import sys, paho.mqtt.client as mqtt
client = mqtt.Client("burst")
client.connect("127.0.0.1", int(sys.argv[1]), 60)
early = [client.publish("burst/0", n) for n in range(5)]
sent = [client.publish("burst/%d" % qos, n, qos=qos) for n in range(200) for qos in (1, 2)]
client.loop_start()
for message in sent: message.wait_for_publish()
client.disconnect()
client.loop_stop()
`);
    const got = new Map<string, string[]>();
    for (const each of await watcher.drain()) {
      if (each.type === 'publish') got.set(each.topic, [...(got.get(each.topic) ?? []), each.payload.toString()]);
    }
    const numbers = (count: number) => Array.from({ length: count }, (_, n) => String(n));
    expect(got.get('burst/1')).toEqual(numbers(200));
    expect(got.get('burst/2')).toEqual(numbers(200));
    expect(got.get('burst/0')).toEqual(numbers(5));
  });

  it('keeps its connection by PINGREQ, also with a keep-alive of a second', async () => {
    const lines = await paho(`
import sys, threading, paho.mqtt.client as mqtt
pongs = threading.Semaphore(0)
client = mqtt.Client("pinger")
client.on_log = lambda c, u, level, text: "PINGRESP" in text and pongs.release()
client.on_disconnect = lambda c, u, rc: print("disconnected", rc)
client.connect("127.0.0.1", int(sys.argv[1]), 1)
client.loop_start()
for _ in range(3): assert pongs.acquire(timeout=10)
client.disconnect()
client.loop_stop()
`);
    expect(lines).toEqual(['disconnected 0']);
  });

  it('reconnects by itself after a take-over, with its session and what came meanwhile', async () => {
    const from = await clients.connect({ level: 4, id: 'kept-from' });
    const done = paho(`
import sys, threading, paho.mqtt.client as mqtt
over = threading.Event()
client = mqtt.Client("kept-paho", clean_session=False)
def on_connect(c, u, flags, rc):
    print("session present", flags["session present"])
    if flags["session present"] == 0: c.subscribe("kept/#", 1)
client.on_connect = on_connect
client.on_subscribe = lambda c, *a: c.publish("kept-ready", "x", 1)
client.on_message = lambda c, u, m: (print(m.payload.decode()), m.payload == b"last" and over.set())
client.connect("127.0.0.1", int(sys.argv[1]), 60)
client.loop_start()
ok = over.wait(20)
client.disconnect(); client.loop_stop()
sys.exit(0 if ok else 1)
`);
    await from.subscribe('kept-ready', 1);
    await from.take('publish', 15_000);
    const thief = await clients.connect({ level: 4, id: 'kept-paho', clean: false });
    thief.destroy();
    await from.publish('kept/a', 'last', { qos: 1 });
    expect(await done).toEqual(['session present 0', 'session present 1', 'last']);
  });
});

describe('PubSubClient for Arduino', () => {
  it('CONNECT with keep-alive 15 and clean session, QoS 0, PINGREQ; all its bytes are answered as it expects', async () => {
    const client = await raw();
    client.send(hex('10 13 00 04 4d 51 54 54 04 02 00 0f 00 07 61 72 64 75 69 6e 6f'));
    expect(await client.take(4)).toEqual(hex('20 02 00 00'));
    client.send(hex('82 09 00 02 00 04 6c 61 6d 70 00')); // its identifiers begin with 2
    expect(await client.take(5)).toEqual(hex('90 03 00 02 00'));
    client.send(hex('30 08 00 04 6c 61 6d 70 6f 6e'));
    expect(await client.take(10)).toEqual(hex('30 08 00 04 6c 61 6d 70 6f 6e'));
    client.send(hex('c0 00'));
    expect(await client.take(2)).toEqual(hex('d0 00'));
    client.send(hex('e0 00'));
    await client.closed();
  });
});

describe('the SIM8200 modem', () => {
  it('CONNECT with keep-alive 60 and clean session, QoS 1 with DUP when it sends again', async () => {
    const client = await raw();
    client.send(hex('10 11 00 04 4d 51 54 54 04 02 00 3c 00 05 6d 6f 64 65 6d'));
    expect(await client.take(4)).toEqual(hex('20 02 00 00'));
    client.send(hex('32 08 00 03 61 2f 62 00 01 78'));
    client.send(hex('3a 08 00 03 61 2f 62 00 01 78'));
    expect(await client.take(8)).toEqual(hex('40 02 00 01 40 02 00 01'));
  });
});

describe('MQTT.fx, MQTT Explorer and MQTTX', () => {
  it('subscribe to # and $SYS/# in one packet: both are answered, and # brings nothing of $SYS [MQTT-4.7.2-1]', async () => {
    const explorer = await clients.connect({ level: 4, id: 'mqtt-explorer-1' });
    const packet = hex('82 0f 00 01 00 01 23 00 00 06 24 53 59 53 2f 23 00');
    explorer.send(packet);
    const { reasons } = await explorer.take('suback');
    expect(reasons).toHaveLength(2);
    expect(reasons[0]).toBe(0);
    const plain = await clients.connect({ level: 4, id: 'mqtt-explorer-2' });
    await plain.subscribe('#', 0);
    const device = await clients.connect({ level: 4, id: 'explored' });
    await device.publish('explored', 'x');
    const topics = (await plain.drain()).flatMap((each) => (each.type === 'publish' ? [each.topic] : []));
    expect(topics.filter((topic) => topic.startsWith('$'))).toEqual([]);
    expect(topics).toContain('explored');
  });
});

/** A LoPy at an address of its own: each loopback address is one. */
async function lopyAt(address: string): Promise<Socket> {
  const socket = connectTo({ host: '127.0.0.1', port: sonde.mqttPort, localAddress: address, noDelay: true });
  open.push(socket);
  socket.on('error', () => {});
  socket.write(hex('10 13 00 04 4d 51 54 54 04 02 00 00 00 07 61 70 72 69 63 6f 74'));
  const answer = await new Promise<Buffer>((resolve, reject) => {
    socket.once('data', resolve);
    socket.once('close', () => reject(new Error('closed')));
  });
  expect(answer).toEqual(hex('20 02 00 00'));
  return socket;
}

describe.runIf(process.platform === 'linux')('Pycom LoPys with the client id that every student copied', () => {
  it('take it from each other: said once, shown in the list of clients, answered more slowly, never refused', async () => {
    const addresses = ['127.0.0.20', '127.0.0.31'];
    const tookMs: number[] = [];
    for (let n = 0; n < 6; n++) {
      const since = performance.now();
      await lopyAt(addresses[n % 2] as string);
      tookMs.push(performance.now() - since);
    }
    const line = /two devices use the client id apricot: 127\.0\.0\.20 and 127\.0\.0\.31/g;
    await waitFor('the line in the log', () => line.test(sonde.log()));
    expect(sonde.log().match(line)).toHaveLength(1);
    const { clients: listed } = (await (await fetch(`${sonde.url}/api/v1/clients`)).json()) as {
      clients: { clientId: string; takeovers: number; sharedBy: string[] }[];
    };
    expect(listed.find(({ clientId }) => clientId === 'apricot')).toMatchObject({ takeovers: 5, sharedBy: addresses });
    // The fifth and the sixth waited half a second and a second.
    expect(tookMs[4]).toBeGreaterThan(400);
    expect(tookMs[5]).toBeGreaterThan(900);
  });
});

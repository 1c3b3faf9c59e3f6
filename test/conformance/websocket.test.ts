import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { WebSocket } from 'ws';
import { type RunningSonde, startSonde, waitFor } from '../tooling/index.ts';
import { clientsOf, connectBytes, DISCONNECT, PINGREQ, packet, publishBytes, subscribeBytes, text } from './client.ts';

const MIB = 1024 * 1024;

/** MQTT over WebSocket: frames and packets need not match (MQTT 6.0), and a lying frame harms nobody. */
describe('over WebSocket', () => {
  let sonde: RunningSonde;
  const clients = clientsOf(() => sonde.mqttPort);
  const sockets: WebSocket[] = [];
  beforeAll(async () => {
    sonde = await startSonde();
  });
  afterAll(() => sonde?.stop());
  afterEach(async () => {
    clients.closeAll();
    for (const socket of sockets.splice(0)) socket.terminate();
    expect(await (await fetch(`${sonde.url}/health`)).json()).toMatchObject({ status: 'ok' });
  });

  type Browser = {
    readonly socket: WebSocket;
    readonly send: (bytes: Uint8Array) => void;
    readonly received: () => Buffer;
    readonly closed: () => number | undefined;
  };
  async function browser(path = '/mqtt', subprotocol: string | string[] = 'mqtt'): Promise<Browser> {
    const socket = new WebSocket(`${sonde.url.replace('http', 'ws')}${path}`, subprotocol);
    sockets.push(socket);
    let received = Buffer.alloc(0);
    let code: number | undefined;
    socket.on('message', (data: Buffer) => {
      received = Buffer.concat([received, data]);
    });
    socket.on('close', (given) => {
      code = given;
    });
    await new Promise<void>((resolve, reject) => socket.once('open', resolve).once('error', reject));
    return {
      socket,
      send: (bytes) => socket.send(bytes),
      received: () => received,
      closed: () => code,
    };
  }
  async function signedIn(id: string): Promise<Browser> {
    const one = await browser();
    one.send(connectBytes({ level: 4, id }));
    await waitFor('CONNACK', () => one.received().equals(Buffer.from([0x20, 2, 0, 0])));
    return one;
  }

  it('a packet may be split over frames at any byte, and a frame may hold many packets [MQTT-6.0.0-2, MQTT3-6.0.0-2]', async () => {
    const watcher = await clients.connect({ level: 4, id: 'ws-watcher' });
    await watcher.subscribe('ws/#');
    const split = await browser();
    for (const byte of Buffer.concat([connectBytes({ level: 4, id: 'ws-split' }), publishBytes(4, 'ws/split', 'x')])) {
      split.send(Buffer.of(byte));
    }
    expect((await watcher.take('publish')).topic).toBe('ws/split');
    const joined = await browser();
    joined.send(
      Buffer.concat([
        connectBytes({ level: 4, id: 'ws-joined' }),
        subscribeBytes(4, 1, [['none', 0]]),
        publishBytes(4, 'ws/joined', 'x'),
        PINGREQ,
        DISCONNECT,
      ]),
    );
    expect((await watcher.take('publish')).topic).toBe('ws/joined');
    await waitFor('the end', () => joined.closed() !== undefined);
    expect(joined.received()).toEqual(Buffer.from([0x20, 2, 0, 0, 0x90, 3, 0, 1, 0, 0xd0, 0]));
  });

  it('fragments of a message, empty frames and empty fragments are only bytes [MQTT-6.0.0-2, MQTT3-6.0.0-2]', async () => {
    const watcher = await clients.connect({ level: 4, id: 'ws-watcher-2' });
    await watcher.subscribe('ws/#');
    const one = await browser();
    const bytes = Buffer.concat([
      connectBytes({ level: 4, id: 'ws-fragments' }),
      publishBytes(4, 'ws/first', 'x'),
      publishBytes(4, 'ws/second', 'y'),
    ]);
    one.send(Buffer.alloc(0));
    for (let at = 0; at < bytes.length; at += 3) {
      one.socket.send(bytes.subarray(at, at + 3), { fin: false });
      one.socket.send(Buffer.alloc(0), { fin: at % 2 === 0 || at + 3 >= bytes.length });
    }
    expect((await watcher.take('publish')).topic).toBe('ws/first');
    expect((await watcher.take('publish')).topic).toBe('ws/second');
    one.send(Buffer.alloc(0));
    one.send(PINGREQ);
    await waitFor('PINGRESP', () => one.received().includes(0xd0));
  });

  it('a text frame is the end before CONNECT too, also an empty one and one in fragments [MQTT-6.0.0-1, MQTT3-6.0.0-1]', async () => {
    const empty = await browser();
    empty.socket.send('');
    await waitFor('the end', () => empty.closed() !== undefined);
    const parts = await browser();
    parts.socket.send('a', { fin: false });
    parts.socket.send('b', { fin: true });
    await waitFor('the end', () => parts.closed() !== undefined);
  });

  it('class 3: a remaining length that no frame fulfils is waited for, and costs nobody anything', async () => {
    const liar = await signedIn('ws-liar');
    liar.send(Buffer.concat([Buffer.from([0x30, 0x80, 0x20]), text('a')]));
    const other = await signedIn('ws-other');
    other.send(PINGREQ);
    await waitFor('PINGRESP', () => other.received().includes(0xd0));
    expect(liar.closed()).toBeUndefined();
  });

  it('a text frame is the end [MQTT-6.0.0-1, MQTT3-6.0.0-1]', async () => {
    const one = await signedIn('ws-text');
    one.socket.send('hello');
    await waitFor('the end', () => one.closed() !== undefined);
    await waitFor('the log line', () => /WebSocket text frame/.test(sonde.log()));
  });

  it('a message of many packets may be larger than the largest packet [MQTT-6.0.0-2, MQTT3-6.0.0-2]', async () => {
    const one = await signedIn('ws-many');
    const pings = 20;
    const publish = publishBytes(4, 'ws-nobody', Buffer.alloc(300_000));
    one.send(Buffer.concat(Array.from({ length: pings }, () => [publish, PINGREQ]).flat())); // 6 MB
    await waitFor('the answers', () => one.received().length >= 4 + 2 * pings);
    expect(one.received().subarray(4)).toEqual(Buffer.from('d000'.repeat(pings), 'hex'));
    expect(one.closed()).toBeUndefined();
  });

  it.each([4 * MIB + 1, 8 * MIB - 1000])(
    'a packet with %i bytes of payload, above the largest, is refused in the words of MQTT: 0x95',
    async (bytes) => {
      const one = await browser();
      one.send(connectBytes({ level: 5, id: 'ws-too-large' }));
      await waitFor('CONNACK', () => one.received()[0] === 0x20);
      const before = one.received().length;
      one.send(publishBytes(5, 'ws', Buffer.alloc(bytes)));
      await waitFor('the end', () => one.closed() !== undefined);
      const [type, , reason] = one.received().subarray(before);
      expect([type, reason]).toEqual([0xe0, 0x95]);
    },
  );

  it('a message beyond twice the largest packet is the end, with the code that says so', async () => {
    const one = await signedIn('ws-large');
    one.send(Buffer.alloc(8 * MIB + 1));
    await waitFor('the end', () => one.closed() !== undefined);
    expect([1006, 1009]).toContain(one.closed());
  });

  it.each([
    ['a protocol error', packet(0x36, text('a'), [0, 1])],
    ['a second CONNECT', connectBytes({ level: 4, id: 'ws-twice' })],
    ['a malformed length', Buffer.from([0x30, 0xff, 0xff, 0xff, 0xff, 1])],
  ])('%s is the end', async (_, bytes) => {
    const one = await signedIn('ws-fault');
    one.send(bytes);
    await waitFor('the end', () => one.closed() !== undefined);
  });

  it('what is no CONNECT is the end without an answer', async () => {
    const one = await browser();
    one.send(PINGREQ);
    await waitFor('the end', () => one.closed() !== undefined);
    expect(one.received()).toHaveLength(0);
  });

  it('any path serves whoever asks for the subprotocol mqtt, and no other path a stranger [MQTT-6.0.0-4, MQTT3-6.0.0-4]', async () => {
    const one = await browser('/any/path', ['mqtt']);
    expect(one.socket.protocol).toBe('mqtt');
    const old = await browser('/mqtt', ['mqttv3.1']);
    expect(old.socket.protocol).toBe('mqttv3.1');
    const elsewhere = await browser('/', ['chat', 'mqttv3.1']);
    expect(elsewhere.socket.protocol).toBe('mqttv3.1');
    const both = await browser('/mqtt?x=1', ['mqttv3.1', 'mqtt']);
    expect(both.socket.protocol).toBe('mqtt');
    await expect(browser('/elsewhere', ['chat'])).rejects.toThrow(/404/);
  });

  it('a will is published when the tab is closed without DISCONNECT', async () => {
    const watcher = await clients.connect({ level: 4, id: 'ws-heir' });
    await watcher.subscribe('ws-will');
    const one = await browser();
    one.send(connectBytes({ level: 4, id: 'ws-mortal', will: { topic: 'ws-will', payload: 'closed' } }));
    await waitFor('CONNACK', () => one.received().length === 4);
    one.socket.close();
    expect((await watcher.take('publish')).payload.toString()).toBe('closed');
  });

  it('one that never reads is bounded, and others go on', async () => {
    const one = await signedIn('ws-never-reads');
    one.send(subscribeBytes(4, 1, [['ws-flood', 0]]));
    await waitFor('SUBACK', () => one.received().includes(0x90));
    one.socket.pause();
    const from = await clients.connect({ level: 4, id: 'ws-flooder' });
    const payload = Buffer.alloc(10_000, 'x');
    for (let n = 0; n < 3000; n++) from.socket.write(publishBytes(4, 'ws-flood', payload));
    await from.drain(20_000);
    const metrics = await (await fetch(`${sonde.url}/metrics`)).text();
    expect(Number(/^process_resident_memory_bytes (\S+)$/m.exec(metrics)?.[1])).toBeLessThan(350 * 1024 * 1024);
    expect(Number(/^sonde_messages_dropped_total (\d+)$/m.exec(metrics)?.[1])).toBeGreaterThan(0);
  });
});

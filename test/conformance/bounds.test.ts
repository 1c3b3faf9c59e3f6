import { mkdtempSync, writeFileSync } from 'node:fs';
import { connect as connectTcp, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Duplex } from 'node:stream';
import { connect as connectTls } from 'node:tls';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { WebSocket } from 'ws';
import { freePort, type RunningSonde, startSonde, waitFor } from '../tooling/index.ts';
import { parseMetrics } from '../tooling/prometheus.ts';
import { clientsOf, connectBytes, publishBytes } from './client.ts';

const CONNACK = Buffer.from([0x20, 2, 0, 0]);

let sonde: RunningSonde;
const ports = { proxied: 0, tls: 0 };
const open: { destroy: () => void }[] = [];
afterEach(() => {
  for (const one of open.splice(0)) one.destroy();
});

async function startWith(limits: Readonly<Record<string, number>>): Promise<RunningSonde> {
  const dataDir = mkdtempSync(join(tmpdir(), 'sonde-bounds-'));
  const file = join(dataDir, 'sonde.yaml');
  const mqttPort = await freePort();
  const httpPort = await freePort();
  ports.proxied = await freePort();
  ports.tls = await freePort();
  writeFileSync(
    file,
    `
mqtt:
  - 127.0.0.1:${mqttPort}
  - { address: "127.0.0.1:${ports.proxied}", anonymous: all, proxy: true }
mqtts: { address: "127.0.0.1:${ports.tls}", anonymous: all }
http: 127.0.0.1:${httpPort}
`,
  );
  const pairs = Object.entries(limits).flatMap(([name, value]) => ['--limit', `${name}=${value}`]);
  return startSonde({ dataDir, mqttPort, httpPort, listenersByFile: true, args: ['--config', file, ...pairs] });
}

async function figure(name: string, bound?: string): Promise<number> {
  const families = parseMetrics(await (await fetch(`${sonde.url}/metrics`)).text());
  const sample = families.get(name)?.samples.find(({ labels }) => bound === undefined || labels['bound'] === bound);
  if (sample === undefined) throw new Error(`there is no ${name} ${bound ?? ''}`);
  return sample.value;
}
const reached = (bound: string) => figure('sonde_limit_reached_total', bound);

/** A client that says CONNECT, and what came of it. */
type Comer = { readonly socket: Socket; bytes: Buffer; ended: boolean };
function watched(socket: Socket): Comer {
  const comer: Comer = { socket, bytes: Buffer.alloc(0), ended: false };
  open.push(socket);
  socket.on('error', () => {});
  socket.on('data', (chunk: Buffer) => {
    comer.bytes = Buffer.concat([comer.bytes, chunk]);
  });
  socket.on('close', () => {
    comer.ended = true;
  });
  return comer;
}
function come(port: number, id: string, first = Buffer.alloc(0)): Comer {
  const socket = connectTcp(port, '127.0.0.1');
  socket.write(Buffer.concat([first, connectBytes({ level: 4, id })]));
  return watched(socket);
}
function comeByTls(id: string): Comer {
  const socket = connectTls({ port: ports.tls, host: '127.0.0.1', rejectUnauthorized: false });
  socket.write(connectBytes({ level: 4, id }));
  return watched(socket);
}
/** All that a client of TLS says before it is answered. */
function clientHello(): Promise<Buffer<ArrayBuffer>> {
  return new Promise((resolve) => {
    const write = (bytes: Buffer<ArrayBuffer>, _encoding: string, done: () => void): void => {
      resolve(bytes);
      done();
    };
    connectTls({ socket: new Duplex({ read() {}, write }) });
  });
}
const HELLO = await clientHello();
/** Answers whether it was answered. */
function comeByWeb(id: string): () => boolean {
  const socket = new WebSocket(`${sonde.url.replace('http', 'ws')}/mqtt`, 'mqtt');
  let answered = false;
  open.push({ destroy: () => socket.terminate() });
  socket.on('open', () => socket.send(connectBytes({ level: 4, id })));
  socket.on('message', () => {
    answered = true;
  });
  socket.on('error', () => {});
  return () => answered;
}
const isIn = ({ bytes }: Comer): boolean => bytes.equals(CONNACK);

describe('clients that come back at once from one address', () => {
  beforeAll(async () => {
    sonde = await startWith({ maxConnectionsPerS: 200, maxPendingPerAddress: 20 });
  });
  afterAll(() => sonde?.stop());

  it.each([
    ['by TCP', () => sonde.mqttPort, undefined],
    ['by a proxy', () => ports.proxied, 'PROXY TCP4 203.0.113.7 192.0.2.1 51234 1883\r\n'],
  ])('%s are all let in, at the rate, and none is refused', async (_how, port, header) => {
    const before = await reached('maxConnectionsPerS');
    const sinceMs = performance.now();
    const all = Array.from({ length: 400 }, (_, n) => come(port(), `back-${n}`, Buffer.from(header ?? '')));
    await waitFor('all of them', () => all.every(isIn));
    expect(performance.now() - sinceMs).toBeGreaterThan(1500); // 380 of them at 200 a second
    expect(all.some(({ ended }) => ended)).toBe(false);
    expect(await reached('maxConnectionsPerS')).toBeGreaterThan(before);
    expect(await reached('maxWaitingConnections')).toBe(0);
    expect(await figure('sonde_connections_waiting')).toBe(0);
    expect(await figure('sonde_connections_pending')).toBe(0);
  });

  it('by TLS and WebSocket too', async () => {
    const tls = Array.from({ length: 60 }, (_, n) => comeByTls(`tls-${n}`));
    await waitFor('those by TLS', () => tls.every(isIn));
    const web = Array.from({ length: 60 }, (_, n) => comeByWeb(`ws-${n}`));
    await waitFor('those by WebSocket', () => web.every((isAnswered) => isAnswered()));
    expect(await figure('sonde_connections_pending')).toBe(0);
  });

  it('those who are gone before their turn hold nobody up', async () => {
    const gone = Array.from({ length: 100 }, (_, n) => come(sonde.mqttPort, `gone-${n}`));
    await waitFor('connections', () => gone.every(({ socket }) => !socket.connecting));
    for (const { socket } of gone) socket.destroy();
    const late = come(sonde.mqttPort, 'late');
    await waitFor('the late one', () => isIn(late));
    await waitFor('nobody', async () => (await figure('sonde_connections_waiting')) === 0);
    expect(await figure('sonde_connections_pending')).toBe(0);
  });
});

describe('class 13: strangers of one address who keep their places', () => {
  const clients = clientsOf(() => sonde.mqttPort);
  beforeAll(async () => {
    const bounds = { maxPendingPerAddress: 5, connectTimeoutS: 2, maxWaitingConnections: 10 };
    sonde = await startWith({ ...bounds, maxSilentPerAddress: 0 });
  });
  afterAll(() => sonde?.stop());
  afterEach(() => clients.closeAll());

  it('make others of that address wait until their time is over; those of other addresses do not wait', async () => {
    const known = await clients.connect({ level: 4, id: 'known' });
    const silent = Array.from({ length: 5 }, () => watched(connectTcp(sonde.mqttPort, '127.0.0.1')));
    await waitFor('the silent ones', async () => (await figure('sonde_connections_pending')) === 5);
    const waits = come(sonde.mqttPort, 'waits');
    const header = Buffer.from('PROXY TCP4 203.0.113.7 192.0.2.1 51234 1883\r\n');
    const elsewhere = come(ports.proxied, 'elsewhere', header);
    await waitFor('the other address', () => isIn(elsewhere));
    expect(isIn(waits)).toBe(false);
    expect(await known.drain()).toEqual([]);
    await waitFor('its turn', () => isIn(waits));
    expect(silent.some(({ ended }) => ended)).toBe(true);
    expect(await reached('maxPendingPerAddress')).toBe(1);
    expect(await reached('connectTimeoutS')).toBeGreaterThan(0);
  });

  it('are refused when as many as may wait do', async () => {
    await waitFor('nobody', async () => (await figure('sonde_connections_pending')) === 0);
    const all = Array.from({ length: 20 }, () => watched(connectTcp(sonde.mqttPort, '127.0.0.1')));
    await waitFor('the refused ones', () => all.filter(({ ended }) => ended).length === 5);
    expect(await reached('maxWaitingConnections')).toBe(5);
    expect(sonde.log()).toMatch(/too many wait for their turn/);
  });

  it('leave no more than maxConnectBytes and a read of an unfinished WebSocket message in memory', async () => {
    await waitFor('nobody', async () => (await figure('sonde_connections_pending')) === 0);
    const browser = async () => {
      const socket = new WebSocket(`${sonde.url.replace('http', 'ws')}/mqtt`, 'mqtt');
      open.push({ destroy: () => socket.terminate() });
      const seen = { socket, answers: 0, closed: false };
      socket.on('message', () => {
        seen.answers += 1;
      });
      socket.on('close', () => {
        seen.closed = true;
      });
      await new Promise<void>((resolve, reject) => socket.once('open', resolve).once('error', reject));
      return seen;
    };
    const part = Buffer.alloc(16 * 1024);
    const stranger = await browser();
    for (let n = 0; n < 13; n++) stranger.socket.send(part, { fin: false }); // 208 KiB; 192 are allowed
    await waitFor('the end', () => stranger.closed);
    expect(await reached('maxConnectBytes')).toBe(1);
    const known = await browser();
    known.socket.send(connectBytes({ level: 4, id: 'ws-known' }));
    await waitFor('CONNACK', () => known.answers === 1);
    const message = publishBytes(4, 'large', Buffer.alloc(1_000_000), { qos: 1, id: 1 });
    for (let at = 0; at < message.length; at += 16_384) {
      known.socket.send(message.subarray(at, at + 16_384), { fin: at + 16_384 >= message.length });
    }
    await waitFor('PUBACK', () => known.answers === 2);
  });
});

describe('class 13: a thousand strangers of one address who owe their CONNECT', () => {
  const PROXY = Buffer.from('PROXY TCP4 203.0.113.7 192.0.2.1 51234 1883\r\n');
  const WEB = Buffer.from(
    'GET /mqtt HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n' +
      'Sec-WebSocket-Key: c29uZGUgaXMgYSB0ZXN0IQ==\r\nSec-WebSocket-Protocol: mqtt\r\n\r\n',
  );
  const NONE: Buffer<ArrayBuffer> = Buffer.alloc(0);
  const plain = (first?: Buffer<ArrayBuffer>, port = sonde.mqttPort) => {
    const comer = come(port, 'honest', first);
    return () => isIn(comer);
  };
  const secure = () => {
    const comer = comeByTls('honest');
    return () => isIn(comer);
  };
  beforeAll(async () => {
    sonde = await startWith({ connectTimeoutS: 60 });
  });
  afterAll(() => sonde?.stop());

  it.each([
    ['say nothing', () => sonde.mqttPort, NONE, () => plain()],
    ['send one byte of it', () => sonde.mqttPort, Buffer.of(0x10), () => plain()],
    ['come by a proxy', () => ports.proxied, PROXY, () => plain(PROXY, ports.proxied)],
    ['begin no TLS', () => ports.tls, NONE, secure],
    ['stop within their ClientHello', () => ports.tls, Buffer.from('1603010200010001fc0303', 'hex'), secure],
    ['stop behind their ClientHello, which is answered', () => ports.tls, HELLO, secure],
    ['say no more than their upgrade', () => Number(new URL(sonde.url).port), WEB, () => comeByWeb('honest')],
  ])(
    '%s: another one of it is in soon, and none of them is closed',
    async (_how, port, said, honest) => {
      await waitFor('nobody', async () => (await figure('sonde_connections')) === 0);
      const count = said === HELLO ? 400 : 1000; // each hello is a handshake to answer
      const silent = Array.from({ length: count }, () => {
        const stranger = watched(connectTcp(port(), '127.0.0.1'));
        if (said.length > 0) stranger.socket.write(said);
        return stranger;
      });
      await waitFor('the strangers', () => silent.every(({ socket }) => !socket.connecting));
      const sinceMs = performance.now();
      const honestIsIn = honest();
      await waitFor('the honest one', honestIsIn, 20_000);
      // Some hundred ms, with the handshakes some seconds; the strangers have a minute.
      expect(performance.now() - sinceMs).toBeLessThan(said === HELLO ? 20_000 : 5000);
      expect(silent.some(({ ended }) => ended)).toBe(false);
      expect(await figure('sonde_connections_silent')).toBeGreaterThan(count - 300);
      expect(await reached('maxSilentPerAddress')).toBe(0);
      for (const one of open.splice(0)) one.destroy();
      await waitFor('nobody', async () => (await figure('sonde_connections_pending')) === 0);
      expect(await figure('sonde_connections_silent')).toBe(0);
    },
    40_000,
  );

  it('and are only slow: they may still say it', async () => {
    const slow = Array.from({ length: 1000 }, () => watched(connectTcp(sonde.mqttPort, '127.0.0.1')));
    await waitFor('most of them', async () => (await figure('sonde_connections_silent')) === 750);
    slow.forEach(({ socket }, n) => void socket.write(connectBytes({ level: 4, id: `slow-${n}` })));
    await waitFor('all of them', () => slow.every(isIn));
    expect(await figure('sonde_connections_pending')).toBe(0);
  });
});

describe('class 13: more strangers of one address than may be silent', () => {
  beforeAll(async () => {
    sonde = await startWith({ maxPendingPerAddress: 5, maxSilentPerAddress: 10, connectTimeoutS: 60 });
  });
  afterAll(() => sonde?.stop());

  it('the ones that have been silent longest are closed; who speaks is not', async () => {
    const silent = Array.from({ length: 40 }, () => watched(connectTcp(sonde.mqttPort, '127.0.0.1')));
    await waitFor('the strangers', () => silent.every(({ socket }) => !socket.connecting));
    await waitFor('as many as may be', async () => (await figure('sonde_connections_silent')) === 10);
    const late = come(sonde.mqttPort, 'late');
    const slow = silent[0] as Comer;
    slow.socket.write(connectBytes({ level: 4, id: 'slow' }));
    await waitFor('the slow one', () => isIn(slow));
    await waitFor('the late one', () => isIn(late));
    const closed = silent.filter(({ ended }) => ended).length;
    expect(closed).toBeGreaterThan(20); // 5 hold a place, 10 are silent, and one has signed in
    expect(slow.ended).toBe(false);
    expect(await reached('maxSilentPerAddress')).toBe(closed);
  });
});

import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { connect as connectTcp, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Duplex } from 'node:stream';
import { connect as connectTls } from 'node:tls';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { WebSocket } from 'ws';
import { freePort, openRaw, type RawClient, type RunningSonde, startSonde, waitFor } from '../tooling/index.ts';
import { connectBytes } from './client.ts';

const HEADER_1 = Buffer.from('PROXY TCP4 203.0.113.7 192.0.2.1 51234 1883\r\n');
const HEADER_2 = Buffer.from([
  0x0d, 0x0a, 0x0d, 0x0a, 0x00, 0x0d, 0x0a, 0x51, 0x55, 0x49, 0x54, 0x0a, 0x21, 0x11, 0, 17, 203, 0, 113, 8, 192, 0, 2,
  1, 0xc8, 0x22, 0x07, 0x5b, 0x04, 0, 2, 1, 2,
]);
const LOCAL_2 = Buffer.from([...HEADER_2.subarray(0, 12), 0x20, 0, 0, 0]);
const SELF = Buffer.from('PROXY TCP4 127.0.0.1 127.0.0.1 51234 1883\r\n');
const CONNACK_OK = Buffer.from([0x20, 2, 0, 0]);
const NOT_AUTHORIZED = Buffer.from([0x20, 2, 0, 5]);

/** The PROXY protocol, versions 1 and 2, before MQTT, TLS, HTTP and WebSocket. */
describe('a listener behind a proxy', () => {
  let sonde: RunningSonde;
  const ports = { plain: 0, closed: 0, distant: 0, tls: 0, http: 0, https: 0 };
  const open: { destroy: () => void }[] = [];

  beforeAll(async () => {
    for (const name of Object.keys(ports) as (keyof typeof ports)[]) ports[name] = await freePort();
    const mqttPort = await freePort();
    const httpPort = await freePort();
    sonde = await startWith(mqttPort, httpPort);
  });
  afterAll(async () => {
    await sonde?.stop();
    if (sonde) rmSync(sonde.dataDir, { recursive: true, force: true, maxRetries: 5, retryDelay: 200 });
  });
  afterEach(async () => {
    for (const one of open.splice(0)) one.destroy();
    expect((await fetch(`${sonde.url}/health`)).status).toBe(200);
  });

  async function startWith(mqttPort: number, httpPort: number): Promise<RunningSonde> {
    const dataDir = mkdtempSync(join(tmpdir(), 'sonde-proxy-'));
    const file = join(dataDir, 'sonde.yaml');
    writeFileSync(
      file,
      `
mqtt:
  - 127.0.0.1:${mqttPort}
  - { address: "127.0.0.1:${ports.plain}", anonymous: all, proxy: true }
  - { address: "127.0.0.1:${ports.closed}", proxy: [127.0.0.0/8] }
  - { address: "127.0.0.1:${ports.distant}", anonymous: all, proxy: [10.0.0.0/8, "fd00::/8"] }
mqtts: { address: "127.0.0.1:${ports.tls}", anonymous: all, proxy: true }
http:
  - 127.0.0.1:${httpPort}
  - { address: "127.0.0.1:${ports.http}", proxy: true }
https: { address: "127.0.0.1:${ports.https}", proxy: true, anonymous: all }
`,
    );
    return await startSonde({ dataDir, mqttPort, httpPort, args: ['--config', file], listenersByFile: true });
  }

  async function raw(port: number): Promise<RawClient> {
    const client = await openRaw(port);
    open.push(client);
    return client;
  }

  async function addressOf(id: string): Promise<string | undefined> {
    const answer = await fetch(`${sonde.url}/api/v1/clients`);
    const { clients } = (await answer.json()) as { clients: { clientId: string; address: string }[] };
    return clients.find(({ clientId }) => clientId === id)?.address;
  }

  const hello = (id: string) => connectBytes({ level: 4, id });

  it.each([
    ['version 1', HEADER_1, '203.0.113.7'],
    ['version 2 with TLVs', HEADER_2, '203.0.113.8'],
    ['LOCAL', LOCAL_2, '127.0.0.1'],
    ['UNKNOWN', Buffer.from('PROXY UNKNOWN\r\n'), '127.0.0.1'],
  ])('knows the client by the header: %s, in one write with CONNECT', async (name, header, address) => {
    const client = await raw(ports.plain);
    client.send(Buffer.concat([header, hello(`p-${name}`)]));
    expect(await client.take(4)).toEqual(CONNACK_OK);
    expect(await addressOf(`p-${name}`)).toBe(address);
  });

  it.each([
    ['version 1', HEADER_1],
    ['version 2', HEADER_2],
  ])('takes a header in single bytes: %s', async (name, header) => {
    const client = await raw(ports.plain);
    await client.sendSlowly(Buffer.concat([header, hello(`slow-${name}`)]));
    expect(await client.take(4)).toEqual(CONNACK_OK);
  });

  it.each([
    ['version 1', HEADER_1],
    ['version 2', HEADER_2],
  ])('takes a header that is split at any byte: %s', async (name, header) => {
    const bytes = Buffer.concat([header, hello(`split-${name}`)]);
    for (let at = 1; at <= header.length + 2; at++) {
      const client = await raw(ports.plain);
      client.send(bytes.subarray(0, at));
      await new Promise((resolve) => setImmediate(resolve));
      client.send(bytes.subarray(at));
      expect(await client.take(4)).toEqual(CONNACK_OK);
      client.destroy();
    }
  });

  it.each([
    ['MQTT without a header', hello('naked')],
    ['half of a header that goes wrong', Buffer.from('PROXY TCP4 203.0.113.7 x 1 2\r\n')],
    ['a header of version 3', Buffer.from([...HEADER_2.subarray(0, 12), 0x31, 0x11, 0, 12])],
    ['a header without end', Buffer.from(`PROXY ${'x'.repeat(200)}`)],
    ['a length without measure', Buffer.from([...HEADER_2.subarray(0, 14), 0xff, 0xff])],
    ['two headers', Buffer.concat([HEADER_1, HEADER_1])],
    ['noise', Buffer.alloc(5000, 0xa5)],
  ])('closes the connection after %s', async (_, bytes) => {
    const client = await raw(ports.plain);
    client.send(bytes);
    await client.closed();
    expect(client.pending()).toHaveLength(0);
  });

  it('closes a connection whose header does not come in time, also one that trickles', async () => {
    const silent = await raw(ports.plain);
    const trickling = await raw(ports.plain);
    trickling.send(HEADER_1.subarray(0, 10));
    await Promise.all([silent.closed(9000), trickling.closed(9000)]);
    expect(sonde.log()).toMatch(/its PROXY header did not come in time/);
  });

  it('is never local, whatever the header says', async () => {
    for (const header of [SELF, LOCAL_2, Buffer.from('PROXY UNKNOWN\r\n'), HEADER_1]) {
      const client = await raw(ports.closed);
      client.send(Buffer.concat([header, hello('self')]));
      expect(await client.take(4)).toEqual(NOT_AUTHORIZED);
    }
  });

  it('believes only those whom it trusts', async () => {
    const client = await raw(ports.distant);
    client.send(Buffer.concat([HEADER_1, hello('untrusted')]));
    await client.closed();
    await waitFor('the reason', () => /not a proxy that this listener trusts/.test(sonde.log()));
  });

  it('where no header is asked for, one is a protocol error', async () => {
    for (const header of [HEADER_1, HEADER_2]) {
      const client = await raw(sonde.mqttPort);
      client.send(Buffer.concat([header, hello('uninvited')]));
      await client.closed();
      expect(client.pending()).toHaveLength(0);
    }
    expect(await addressOf('uninvited')).toBeUndefined();
  });

  /** A TCP connection that has sent a header; what follows is TLS or HTTP. */
  async function behind(port: number, header: Buffer): Promise<Socket> {
    const socket = connectTcp(port, '127.0.0.1');
    open.push(socket);
    await new Promise<void>((resolve, reject) => socket.once('connect', () => resolve()).once('error', reject));
    socket.on('error', () => {});
    socket.write(header);
    return socket;
  }

  const trust = () => ({ ca: readFileSync(join(sonde.dataDir, 'certificates', 'ca.pem')), servername: 'localhost' });

  it.each([
    ['version 1', HEADER_1, '203.0.113.7'],
    ['version 2', HEADER_2, '203.0.113.8'],
  ])('has the header before TLS: %s', async (name, header, address) => {
    const socket = connectTls({ socket: await behind(ports.tls, header), ...trust() });
    open.push(socket);
    const got: Buffer[] = [];
    socket.on('data', (chunk: Buffer) => got.push(chunk));
    socket.write(hello(`tls-${name}`));
    await waitFor('CONNACK', () => Buffer.concat(got).equals(CONNACK_OK));
    expect(await addressOf(`tls-${name}`)).toBe(address);
  });

  it('takes the header and the first of TLS in one write', async () => {
    const socket = connectTcp(ports.tls, '127.0.0.1');
    open.push(socket);
    await new Promise<void>((resolve) => socket.once('connect', () => resolve()));
    const secure = connectTls({ socket: prefixed(socket, HEADER_1), ...trust() });
    open.push(secure);
    const got: Buffer[] = [];
    secure.on('data', (chunk: Buffer) => got.push(chunk));
    secure.write(hello('tls-joined'));
    await waitFor('CONNACK', () => Buffer.concat(got).equals(CONNACK_OK));
    expect(await addressOf('tls-joined')).toBe('203.0.113.7');
  });

  it('has it before HTTP and HTTPS, and then nobody is local', async () => {
    const ask = async (socket: Socket): Promise<string> => {
      let answer = '';
      socket.on('data', (chunk: Buffer) => {
        answer += chunk.toString();
      });
      socket.write('GET /api/v1/session HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n');
      await waitFor('the answer', () => answer.includes('\r\n\r\n') && answer);
      return answer;
    };
    expect(await ask(await behind(ports.http, SELF))).toMatch(/^HTTP\/1\.1 401 /);
    const secure = connectTls({ socket: await behind(ports.https, SELF), ...trust() });
    open.push(secure);
    const answer = await ask(secure);
    expect(answer).toMatch(/^HTTP\/1\.1 200 /);
    expect(answer).toContain('"local":false');
    const naked = await raw(ports.http);
    naked.send(Buffer.from('GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n'));
    await naked.closed();
  });

  it('has it before a secure WebSocket', async () => {
    const tunnel = await behind(ports.https, HEADER_2);
    const socket = new WebSocket(`wss://localhost:${ports.https}/mqtt`, 'mqtt', {
      ...trust(),
      createConnection: () => connectTls({ socket: tunnel, ...trust() }),
    });
    open.push({ destroy: () => socket.terminate() });
    const got: Buffer[] = [];
    socket.on('message', (data: Buffer) => got.push(data));
    await new Promise<void>((resolve, reject) => socket.once('open', () => resolve()).once('error', reject));
    socket.send(hello('wss-proxied'));
    await waitFor('CONNACK', () => Buffer.concat(got).equals(CONNACK_OK));
    expect(await addressOf('wss-proxied')).toBe('203.0.113.8');
  });
});

/** A socket whose first write has the header before it. */
function prefixed(socket: Socket, header: Buffer): Duplex {
  let before: Buffer | null = header;
  const duplex = new Duplex({
    read: () => {},
    write(chunk: Buffer, _encoding, done) {
      socket.write(before === null ? chunk : Buffer.concat([before, chunk]), () => done());
      before = null;
    },
  });
  socket.on('data', (chunk: Buffer) => duplex.push(chunk));
  return duplex;
}

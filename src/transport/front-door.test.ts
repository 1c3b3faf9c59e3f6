import { once } from 'node:events';
import * as fs from 'node:fs';
import https from 'node:https';
import net from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import tls from 'node:tls';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { type LogFields, nothingReached, silentLogger } from '../base/index.ts';
import { createCertificates, DEFAULT_TLS, type TlsKeeper } from '../certificates/index.ts';
import { type FrontDoorOptions, putFrontDoor } from './front-door.ts';

/** Enough for a handshake on a busy machine: only those who say nothing wait for it. */
const HANDSHAKE_MS = 1000;
const HALF_A_HELLO = Buffer.from('1603010200010001fc0303', 'hex');

let folder: string;
let keeper: TlsKeeper;
beforeAll(async () => {
  folder = fs.mkdtempSync(join(tmpdir(), 'sonde-door-'));
  const certificates = createCertificates({ dataFolder: folder, logger: silentLogger, repeat: () => () => {} });
  keeper = await certificates.open(DEFAULT_TLS);
  certificates.close();
});
afterAll(() => fs.rmSync(folder, { recursive: true, force: true }));

const open: { destroy: () => void }[] = [];
afterEach(() => {
  for (const each of open.splice(0)) each.destroy();
});

type Line = { readonly level: string; readonly text: string; readonly fields: LogFields };

/** A server behind a front door, that keeps what it takes. */
async function serve(server: net.Server, more: Partial<FrontDoorOptions> = {}) {
  const lines: Line[] = [];
  const reached = nothingReached();
  const at = (level: string) => (fields: LogFields, text: string) => void lines.push({ level, text, fields });
  const logger = { debug: at('debug'), info: at('info'), warn: at('warn'), error: at('error') };
  const options = { rules: {}, keeper, logger, name: 'a test', maxHandshakes: 100, pacer: null, reached };
  const door = putFrontDoor(server, { ...options, ...more });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  open.push({ destroy: () => server.close() });
  const { port } = server.address() as net.AddressInfo;
  return {
    lines,
    reached,
    door,
    raw: (bytes?: Buffer): net.Socket => {
      const socket = net.connect(port, '127.0.0.1');
      socket.on('error', () => {}).resume();
      if (bytes !== undefined) socket.write(bytes);
      open.push(socket);
      return socket;
    },
    /** Resolves when the server has taken it; rejects when it closes before. */
    secure: async (): Promise<tls.TLSSocket> => {
      const socket = tls.connect({ port, host: '127.0.0.1', rejectUnauthorized: false });
      open.push(socket);
      await once(socket, 'data'); // in TLS 1.3 the client is ready before the server is
      socket.on('error', () => {});
      return socket;
    },
  };
}

const tlsServer = () =>
  tls.createServer({ ...keeper.options, handshakeTimeout: HANDSHAKE_MS }, (socket) => {
    socket.on('error', () => {}).resume();
    socket.write('welcome');
    open.push(socket);
  });
const httpsServer = () => https.createServer({ ...keeper.options, handshakeTimeout: HANDSHAKE_MS });

describe('class 13: who does not finish the handshake', () => {
  it.each([
    ['says nothing', undefined],
    ['stops within its ClientHello', HALF_A_HELLO],
  ])('and %s is closed in time, and its place is free again', async (_name, bytes) => {
    const { raw, secure, lines } = await serve(tlsServer(), { rules: { maxConnections: 1 } });
    await once(raw(bytes), 'close');
    expect(lines).toMatchObject([{ text: 'TLS failed: it was not done in time', fields: { address: '127.0.0.1' } }]);
    await secure();
  });

  it('holds no more than the places for handshakes; who is through holds none of them', async () => {
    const { raw, secure, lines, reached } = await serve(tlsServer(), { maxHandshakes: 2 });
    for (let n = 0; n < 3; n++) await secure();
    const silent = [raw(), raw(HALF_A_HELLO)];
    await Promise.all(silent.map((socket) => once(socket, 'connect')));
    await expect(secure()).rejects.toThrow(/ECONNRESET|disconnected before secure/);
    expect(lines).toMatchObject([
      { text: 'connection refused: too many handshakes are under way', fields: { limit: 2, address: '127.0.0.1' } },
    ]);
    expect(reached.maxHandshakes).toBe(1);
    for (const socket of silent) await once(socket, 'close');
    await secure();
  });

  it('goes when the listener closes; who is through stays', async () => {
    const { raw, secure, door, lines } = await serve(tlsServer());
    const inside = await secure();
    const silent = raw();
    await once(silent, 'connect');
    await secure(); // so that the server has accepted the silent one
    door.clear();
    await once(silent, 'close');
    expect(inside.closed).toBe(false);
    expect(lines.filter(({ text }) => text.includes('in time'))).toEqual([]);
  });

  it('holds no place of others behind a proxy', async () => {
    const taken: net.Socket[] = [];
    const server = net.createServer((socket) => void taken.push(socket));
    const { raw, lines } = await serve(server, { keeper: null, rules: { proxy: true }, maxHandshakes: 1 });
    const header = Buffer.from('PROXY TCP4 192.0.2.7 192.0.2.1 51234 1883\r\n');
    for (let n = 1; n <= 2; n++) {
      raw(header);
      await expect.poll(() => taken.length).toBe(n);
    }
    const silent = raw();
    await once(silent, 'connect');
    await once(raw(header), 'close');
    expect(lines).toMatchObject([{ text: 'connection refused: too many handshakes are under way' }]);
    for (const socket of taken) socket.destroy();
  });
});

describe('a failed handshake', () => {
  it.each([
    ['tls', tlsServer],
    ['https', httpsServer],
  ])('is said with its address (%s), and of many alike only some', async (_name, make) => {
    const { raw, lines } = await serve(make());
    for (let n = 0; n < 12; n++) await once(raw(Buffer.from('GET / HTTP/1.1\r\n\r\n')), 'close');
    expect(lines).toHaveLength(10);
    for (const { level, fields } of lines) expect([level, fields['address']]).toEqual(['info', '127.0.0.1']);
  });
});

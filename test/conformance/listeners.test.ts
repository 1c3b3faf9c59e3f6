import type { SpawnOptions } from 'node:child_process';
import { chmodSync, existsSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { connect, createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { entry } from '../../scripts/workshop/paths.mjs';
import {
  freePort,
  openRaw,
  type RawClient,
  type RunningSonde,
  requireTool,
  runTool,
  start,
  startSonde,
  waitFor,
} from '../tooling/index.ts';
import { connectBytes, PINGREQ, publishBytes, subscribeBytes } from './client.ts';

const CONNACK_OK = Buffer.from([0x20, 2, 0, 0]);
const PUBACK_1 = Buffer.from([0x40, 2, 0, 1]);

/** Each listener has limits and access rules of its own. */
describe('a listener with rules of its own', () => {
  let folder: string;
  let sonde: RunningSonde;
  const ports = { nobody: 0, everybody: 0, few: 0, small: 0, tlsFew: 0 };
  const open: RawClient[] = [];

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'sonde-listeners-'));
    for (const name of Object.keys(ports) as (keyof typeof ports)[]) ports[name] = await freePort();
    const [mqttPort, httpPort] = [await freePort(), await freePort()];
    const file = join(folder, 'sonde.yaml');
    writeFileSync(
      file,
      `
mqtt:
  - 127.0.0.1:${mqttPort}
  - { address: "127.0.0.1:${ports.nobody}", anonymous: none }
  - { address: "127.0.0.1:${ports.everybody}", anonymous: all }
  - { address: "127.0.0.1:${ports.few}", maxConnections: 2 }
  - { address: "127.0.0.1:${ports.small}", maxPacketBytes: 1024, maxSentPacketBytes: 256 }
mqtts: { address: "127.0.0.1:${ports.tlsFew}", maxConnections: 1 }
http: 127.0.0.1:${httpPort}
unix: [{ path: run.sock, mode: "0660" }, { path: closed.sock, anonymous: none }]
`,
    );
    sonde = await startSonde({
      dataDir: mkdtempSync(join(folder, 'data-')),
      mqttPort,
      httpPort,
      args: ['--config', file],
      listenersByFile: true,
    });
  });
  afterAll(async () => {
    await sonde?.stop();
    if (process.platform !== 'win32') expect(existsSync(join(folder, 'run.sock'))).toBe(false);
    rmSync(folder, { recursive: true, force: true, maxRetries: 5, retryDelay: 200 });
  });
  afterEach(() => {
    for (const one of open.splice(0)) one.destroy();
  });

  async function raw(port: number): Promise<RawClient> {
    const client = await openRaw(port);
    open.push(client);
    return client;
  }
  async function hello(port: number, id: string, level: 4 | 5 = 4): Promise<RawClient> {
    const client = await raw(port);
    client.send(connectBytes({ level, id }));
    return client;
  }

  it('says itself who needs no name', async () => {
    expect(await (await hello(sonde.mqttPort, 'a')).take(4)).toEqual(CONNACK_OK);
    expect(await (await hello(ports.everybody, 'b')).take(4)).toEqual(CONNACK_OK);
    expect(await (await hello(ports.nobody, 'c')).take(4)).toEqual(Buffer.from([0x20, 2, 0, 5]));
  });

  it('holds no more connections than it may, and takes others when some have gone', async () => {
    const first = await hello(ports.few, 'few-1');
    expect(await first.take(4)).toEqual(CONNACK_OK);
    expect(await (await hello(ports.few, 'few-2')).take(4)).toEqual(CONNACK_OK);
    await (await raw(ports.few)).closed();
    expect(await (await hello(sonde.mqttPort, 'few-elsewhere')).take(4)).toEqual(CONNACK_OK);
    first.destroy();
    await waitFor('room', async () => {
      const again = await hello(ports.few, 'few-3');
      return await again.take(4, 300).then(
        () => true,
        () => false,
      );
    });
    expect(sonde.log()).toMatch(/the listener is full/);
  });

  it('counts connections over TLS from their first byte', async () => {
    const first = await raw(ports.tlsFew);
    first.send(Buffer.from([0x16]));
    const second = await raw(ports.tlsFew);
    await second.closed();
    expect(first.socket.destroyed).toBe(false);
  });

  it('takes no larger packet than it may, and tells that to MQTT 5.0', async () => {
    const five = await hello(ports.small, 'small-5', 5);
    const header = await five.take(2);
    const connack = await five.take(header[1] as number);
    // Maximum Packet Size (0x27), four bytes.
    expect(connack.includes(Buffer.from([0x27, 0, 0, 4, 0]))).toBe(true);
    const client = await hello(ports.small, 'small');
    await client.take(4);
    client.send(publishBytes(4, 'small', Buffer.alloc(1000), { qos: 1 }));
    expect(await client.take(4)).toEqual(PUBACK_1);
    client.send(publishBytes(4, 'small', Buffer.alloc(1100)));
    await client.closed();
    const large = await raw(ports.small);
    large.send(connectBytes({ level: 4, id: 'x', username: 'u'.repeat(1200), password: 'p' }));
    await large.closed();
  });

  it('leaves out what is too large for its clients, and goes on', async () => {
    const client = await hello(ports.small, 'memory-of-nothing');
    await client.take(4);
    client.send(subscribeBytes(4, 1, [['left-out', 1]]));
    await client.take(5);
    const from = await hello(sonde.mqttPort, 'from');
    await from.take(4);
    from.send(publishBytes(4, 'left-out', Buffer.alloc(300), { qos: 1 }));
    from.send(publishBytes(4, 'left-out', 'short', { qos: 0 }));
    const short = publishBytes(4, 'left-out', 'short');
    expect(await client.take(short.length)).toEqual(short);
    client.send(PINGREQ);
    expect(await client.take(2)).toEqual(Buffer.from([0xd0, 0]));
  });

  describe.skipIf(process.platform === 'win32')('on a Unix socket', () => {
    function unix(path: string): Promise<Buffer> {
      return new Promise((resolve, reject) => {
        const socket = connect(join(folder, path));
        socket.on('error', reject);
        socket.on('data', (bytes) => {
          socket.destroy();
          resolve(bytes);
        });
        socket.write(connectBytes({ level: 4, id: 'by-unix' }));
      });
    }

    it('is local, has the mode that was asked for, and rules too', async () => {
      expect(statSync(join(folder, 'run.sock')).mode & 0o777).toBe(0o660);
      expect(statSync(join(folder, 'closed.sock')).mode & 0o777).toBe(0o600);
      expect(await unix('run.sock')).toEqual(CONNACK_OK);
      expect(await unix('closed.sock')).toEqual(Buffer.from([0x20, 2, 0, 5]));
    });

    describe('with mosquitto', () => {
      requireTool('mosquitto_pub', 'mosquitto_sub');
      it('moves messages', async () => {
        const at = ['--unix', join(folder, 'run.sock'), '-t', 'unix', '-q', '1'];
        expect((await runTool('mosquitto_pub', [...at, '-r', '-m', 'kept'])).code).toBe(0);
        const got = await runTool('mosquitto_sub', [...at, '-C', '1', '-W', '10']);
        expect(got.stdout).toBe('kept\n');
      });
    });
  });
});

describe.skipIf(process.platform === 'win32')('the file of a Unix socket', () => {
  let folder: string;
  const servers: Server[] = [];
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'sonde-unix-'));
  });
  afterAll(() => {
    for (const server of servers) server.close();
    rmSync(folder, { recursive: true, force: true, maxRetries: 5, retryDelay: 200 });
  });

  /** Starts Sonde with nothing but a Unix socket; resolves with what it says at its end, or once it is ready. */
  async function sondeAt(
    path: string,
    options: SpawnOptions = {},
  ): Promise<{ said: string; stop: (signal: NodeJS.Signals) => Promise<void> }> {
    const data = mkdtempSync(join(folder, 'data-'));
    if (options.uid !== undefined) chmodSync(data, 0o777);
    const listeners = ['--mqtt', 'off', '--http', 'off', '--unix', path, '--history', 'off'];
    const running = start(process.execPath, [entry, 'serve', '--data', data, ...listeners], options);
    await waitFor('the start or the end', () => running.hasExited() || /is ready/.test(running.stdout()), 20_000);
    return {
      said: running.stdout() + running.stderr(),
      stop: async (signal) => {
        running.signal(signal);
        await running.exited;
      },
    };
  }

  it('that a killed Sonde left behind is taken over', async () => {
    const path = join(folder, 'stale.sock');
    const first = await sondeAt(path);
    expect(first.said).toContain(`Unix socket ${path}`);
    await first.stop('SIGKILL');
    expect(existsSync(path)).toBe(true);
    const second = await sondeAt(path);
    expect(second.said).toMatch(/is ready/);
    await second.stop('SIGTERM');
    expect(existsSync(path)).toBe(false);
  });

  it('at which somebody answers is left alone', async () => {
    const path = join(folder, 'busy.sock');
    const server = createServer();
    servers.push(server);
    await new Promise<void>((resolve) => server.listen(path, resolve));
    const { said } = await sondeAt(path);
    expect(said).toMatch(/another program listens on the Unix socket/);
    expect(existsSync(path)).toBe(true);
  });

  it('that is no socket is left alone', async () => {
    const path = join(folder, 'precious.txt');
    writeFileSync(path, 'mine');
    const { said } = await sondeAt(path);
    expect(said).toMatch(/is there and is no socket/);
    expect(existsSync(path)).toBe(true);
  });

  it.each([
    ['in a folder that is not there', () => join(folder, 'absent', 'a.sock'), /there is no such folder/],
    ['with a path that is too long', () => join(folder, 'x'.repeat(120)), /path of more than 103 bytes/],
  ])('%s is explained', async (_, path, expected) => {
    const { said } = await sondeAt(path());
    expect(said).toMatch(expected);
  });

  it('where nothing may be made is explained', async () => {
    const closed = mkdtempSync(join(folder, 'closed-'));
    chmodSync(folder, 0o755);
    chmodSync(closed, 0o555);
    // Root may write everywhere: then somebody else has to try.
    const asNobody = { cwd: '/', env: { PATH: process.env['PATH'], HOME: '/' }, uid: 65_534, gid: 65_534 };
    const options = process.getuid?.() === 0 ? asNobody : {};
    expect((await sondeAt(join(closed, 'a.sock'), options)).said).toMatch(/not allowed/);
  });
});

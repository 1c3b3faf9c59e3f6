import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { Readable } from 'node:stream';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { afterEach, describe, expect, it } from 'vitest';
import { OperatorError } from '../base/index.ts';
import type { ApiOptions } from './api.ts';
import { createFixture, type Fixture, jsonAnswer, sourceOf } from './testing/fakes.ts';
import { talk } from './testing/talk.ts';

const open: Fixture[] = [];
afterEach(async () => {
  await Promise.all(open.splice(0).map(({ api }) => api.close()));
});

async function start(options: Partial<ApiOptions> = {}) {
  const fixture = await createFixture(options);
  open.push(fixture);
  const { port, server } = await fixture.api.listen('127.0.0.1', 0);
  return { ...fixture, port, server, url: `http://127.0.0.1:${port}` };
}

const problemOf = (answer: string) =>
  JSON.parse(answer.slice(answer.indexOf('\r\n\r\n') + 4)) as { status: number; type: string };

describe('listeners', () => {
  it('share the routes, and each tells where it is', async () => {
    const fixture = await createFixture();
    open.push(fixture);
    const seen: unknown[] = [];
    const onServer = (server: { listening: boolean }) => seen.push(server.listening);
    const first = await fixture.api.listen('127.0.0.1', 0, { onServer });
    const second = await fixture.api.listen('127.0.0.1', 0, { onServer });
    expect(first.port).not.toBe(second.port);
    expect(seen).toEqual([false, false]);
    expect(fixture.api.listeners()).toEqual([first, second]);
    for (const { port } of [first, second]) {
      expect(await (await fetch(`http://127.0.0.1:${port}/health`)).json()).toEqual({ status: 'ok' });
    }
  });

  it('name a port that is in use, and what to do', async () => {
    const { port, api } = await start();
    const error = await api.listen('127.0.0.1', port).catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(OperatorError);
    expect(error).toMatchObject({
      message: expect.stringContaining(`127.0.0.1:${port}`),
      advice: expect.stringContaining('--http'),
    });
    expect(api.listeners()).toHaveLength(1);
  });

  it('name an address that this machine has not', async () => {
    const { api } = await start();
    await expect(api.listen('192.0.2.1', 0)).rejects.toBeInstanceOf(OperatorError);
  });

  it('leave upgrades to who attached them', async () => {
    const fixture = await createFixture();
    open.push(fixture);
    const upgraded: string[] = [];
    const { port } = await fixture.api.listen('127.0.0.1', 0, {
      onServer: (server) =>
        server.on('upgrade', (request, socket) => {
          upgraded.push(request.url ?? '');
          socket.end('HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n');
        }),
    });
    const answer = await talk(
      port,
      'GET /mqtt HTTP/1.1\r\nHost: localhost\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n',
    );
    expect(answer).toMatch(/^HTTP\/1\.1 101 /);
    expect(upgraded).toEqual(['/mqtt']);
  });

  it('close at once when idle, and let what is under way end', async () => {
    let end = () => {};
    const wait = new Promise<void>((resolve) => {
      end = resolve;
    });
    const asked: unknown[] = [];
    const fixture = await createFixture();
    const history = {
      ...fixture.history,
      points: () => {
        asked.push(1);
        return wait.then(() => jsonAnswer([['1970-01-01T00:00:00.000000Z', 1]]));
      },
    };
    const { api, url } = await start({ history });
    const running = fetch(`${url}/api/v1/points?topic=t`);
    await expect.poll(() => asked.length).toBe(1);
    const closing = api.close();
    await nextTurn();
    await expect(fetch(`${url}/health`)).rejects.toThrow(/terminated|fetch failed/);
    end();
    expect(await (await running).json()).toEqual({ points: [['1970-01-01T00:00:00.000000Z', 1]] });
    await closing;
  });

  it('cut what does not end within the grace', async () => {
    const { history, api, url } = await start({ limits: { closeGraceMs: 50 } });
    history.exportStream = () => Readable.from(endless());
    const answer = await fetch(`${url}/api/v1/points?topic=t&format=csv`);
    await api.close();
    await expect(answer.arrayBuffer()).rejects.toThrow(/terminated|fetch failed/);
  });
});

describe('bytes that are no request', () => {
  it('are answered as a problem', async () => {
    const { port } = await start();
    const answer = await talk(port, '\x10\x0c\x00\x04MQTT\x04\x02\x00<\x00\x00\r\n\r\n');
    expect(answer).toMatch(/^HTTP\/1\.1 400 Bad Request\r\nContent-Type: application\/problem\+json\r\n/);
    expect(problemOf(answer)).toMatchObject({ status: 400, type: '/api/docs/problems#bad-request' });
  });

  it('are cut off when the headers do not end', async () => {
    const { port } = await start({ limits: { headersTimeoutMs: 200 } });
    const answer = await talk(port, 'GET /health HTTP/1.1\r\nHost: localhost\r\nX-Slow: ');
    expect(problemOf(answer)).toMatchObject({ status: 408 });
  });

  it('are cut off when the body does not end', async () => {
    const { port } = await start({ limits: { headersTimeoutMs: 200, requestTimeoutMs: 300 } });
    const answer = await talk(
      port,
      'POST /api/v1/publish HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{"topic"',
    );
    expect(answer).toMatch(/^HTTP\/1\.1 408 /);
  });

  it('are refused when the headers are too large', async () => {
    const { port } = await start();
    const answer = await talk(port, `GET /health HTTP/1.1\r\nHost: localhost\r\nX: ${'x'.repeat(20_000)}\r\n\r\n`);
    expect(problemOf(answer)).toMatchObject({ status: 431 });
  });

  it.each([
    ['two Hosts', 'GET /api/v1/session HTTP/1.1\r\nHost: localhost\r\nHost: evil.example\r\nConnection: close\r\n\r\n'],
    ['no Host', 'GET /api/v1/session HTTP/1.1\r\nConnection: close\r\n\r\n'],
    [
      'a target of a proxy',
      'GET http://evil.example/api/v1/session HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n',
    ],
    [
      'two lengths',
      'POST /api/v1/publish HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n{}',
    ],
  ])('are refused with %s', async (_name, bytes) => {
    const { port, access } = await start();
    expect(await talk(port, bytes)).toMatch(/^HTTP\/1\.1 400 /);
    expect(access.asked).toEqual([]);
  });

  it('from an old client without Host are answered, but not by an Origin', async () => {
    const { port } = await start();
    expect(await talk(port, 'GET /health HTTP/1.0\r\n\r\n')).toMatch(/^HTTP\/1\.1 200 /);
    expect(await talk(port, 'GET /health HTTP/1.0\r\nOrigin: http://localhost\r\n\r\n')).toMatch(/^HTTP\/1\.1 403 /);
  });
});

describe('a download over a socket', () => {
  it('is made no faster than it is read, and ends when its reader leaves', async () => {
    const { history, port } = await start();
    let made = 0;
    let destroyed = false;
    history.exportStream = () =>
      new Readable({
        highWaterMark: 64 * 1024,
        read() {
          made += 64 * 1024;
          this.push(Buffer.alloc(64 * 1024));
        },
        destroy(error, done) {
          destroyed = true;
          done(error);
        },
      });
    const socket = await readAndStop(port);
    const settled = await settles(() => made);
    expect(settled).toBeGreaterThan(0);
    // What the kernel's socket buffers take, and no more.
    expect(settled).toBeLessThan(64 * 1024 * 1024);
    socket.destroy();
    await expect.poll(() => destroyed).toBe(true);
  });

  it('ends when its reader takes nothing for too long', async () => {
    const { history, port } = await start({ limits: { stallMs: 100 } });
    let stream: Readable | null = null;
    history.exportStream = () => {
      stream = Readable.from(endless());
      return stream;
    };
    await readAndStop(port);
    await expect.poll(() => stream?.destroyed, { timeout: 5000 }).toBe(true);
  });

  it('is the same for an answer of many rows', async () => {
    const points = async () => ({ truncated: false, body: sourceOf(Readable.from(endless())) });
    const { history } = await createFixture();
    const limits = { stallMs: 100, queriesAtOnce: 1 };
    const { port, url } = await start({ history: { ...history, points }, limits });
    await readAndStop(port, '/api/v1/points?topic=t&limit=100000');
    expect((await fetch(`${url}/api/v1/points?topic=t`)).status).toBe(503);
    await expect.poll(async () => (await fetch(`${url}/api/v1/series`)).status, { timeout: 5000 }).toBe(200);
  });

  it('ends when the right of its reader ends', async () => {
    const { history, access, url } = await start();
    history.exportStream = () => Readable.from(endless());
    const headers = { authorization: `Basic ${Buffer.from('owner:right').toString('base64')}` };
    const answer = await fetch(`${url}/api/v1/points?topic=t&format=csv`, { headers });
    expect(answer.status).toBe(200);
    access.revoke('somebody-else');
    access.revoke('owner');
    await expect(answer.arrayBuffer()).rejects.toThrow(/terminated|fetch failed/);
  });

  it('goes on when the right of a token ends whose key is the name of its reader, who came without it', async () => {
    const { history, access, url } = await start();
    const rows = new Readable({ read() {} });
    rows.push('time,value\n');
    history.exportStream = () => rows;
    const answer = await fetch(`${url}/api/v1/points?topic=t&format=csv`);
    access.revoke('anonymous');
    rows.push(null);
    expect(await answer.text()).toBe('time,value\n');
  });

  it('that breaks is cut, so that nobody takes it for whole', async () => {
    const { history, url } = await start();
    history.exportStream = () =>
      Readable.from(
        (async function* () {
          yield Buffer.from('time,value\n');
          await nextTurn();
          throw new Error('the history process ended');
        })(),
      );
    const answer = await fetch(`${url}/api/v1/points?topic=t&format=csv`);
    await expect(answer.text()).rejects.toThrow(/terminated|fetch failed/);
    expect((await fetch(`${url}/health`)).status).toBe(200);
  });
});

async function* endless(): AsyncGenerator<Buffer> {
  for (;;) {
    yield Buffer.alloc(64 * 1024);
    await nextTurn();
  }
}

/** Asks for a download, reads its beginning and then nothing more. */
async function readAndStop(port: number, path = '/api/v1/points?topic=t&format=csv'): Promise<Socket> {
  const socket = connect(port, '127.0.0.1');
  socket.on('error', () => {});
  socket.write(`GET ${path} HTTP/1.1\r\nHost: localhost\r\n\r\n`);
  await once(socket, 'readable');
  return socket;
}

/** The value of a counter once it stands still. */
async function settles(read: () => number): Promise<number> {
  let before = -1;
  await expect
    .poll(
      () => {
        const same = read() === before;
        before = read();
        return same;
      },
      { interval: 300, timeout: 10_000 },
    )
    .toBe(true);
  return before;
}

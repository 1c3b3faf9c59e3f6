import { tmpdir } from 'node:os';
import { afterEach, describe, expect, it } from 'vitest';
import { type RunOptions, run as runIn, start as startIn } from '../testing/run.ts';
import { startTinyBroker, type TinyBroker, type TinyBrokerOptions } from '../testing/tiny-broker.ts';

const brokers: TinyBroker[] = [];
afterEach(() => Promise.all(brokers.splice(0).map((broker) => broker.close())));

async function broker(options: TinyBrokerOptions = {}): Promise<TinyBroker> {
  const started = await startTinyBroker(options);
  brokers.push(started);
  return started;
}

const run = (args: readonly string[], options?: RunOptions) => runIn(tmpdir(), args, options);
const start = (args: readonly string[], options?: RunOptions) => startIn(tmpdir(), args, options);

describe('sonde pub', () => {
  it.each<[args: string[], input: string, expected: readonly { payload: string; qos: number; retain: boolean }[]]>([
    [['-m', '22.25'], '', [{ payload: '22.25', qos: 0, retain: false }]],
    [['-m', '22.25', '-q', '1', '-r', '-V', '5'], '', [{ payload: '22.25', qos: 1, retain: true }]],
    [['-m', '', '-q', '2', '-V', '31'], '', [{ payload: '', qos: 2, retain: false }]],
    [['-n', '-r', '-q', '1'], '', [{ payload: '', qos: 1, retain: true }]],
    [['-s', '-q', '1'], 'a\nb', [{ payload: 'a\nb', qos: 1, retain: false }]],
    [
      ['-l', '-q', '1'],
      'a\nb\n',
      [
        { payload: 'a', qos: 1, retain: false },
        { payload: 'b', qos: 1, retain: false },
      ],
    ],
  ])('%j publishes and ends when all is acknowledged', async (args, input, expected) => {
    const server = await broker();
    const result = await run(['pub', '-h', '127.0.0.1', '-p', String(server.port), '-t', 'a/b', ...args], { input });
    expect(result).toEqual({ code: 0, out: '', err: '' });
    expect(server.published()).toEqual(expected.map((message) => ({ topic: 'a/b', ...message })));
    expect(server.received.at(-1)?.cmd).toBe('disconnect');
  });

  it('publishes many lines in their order', async () => {
    const server = await broker();
    const lines = Array.from({ length: 1000 }, (_, at) => `line ${at}`);
    const input = lines.join('\n');
    const result = await run(['pub', '-h', '127.0.0.1', '-p', String(server.port), '-t', 'a', '-l', '-q', '1'], {
      input,
    });
    expect(result.code).toBe(0);
    expect(server.published().map(({ payload }) => payload)).toEqual(lines);
  });

  it('does not speak to a server that did not prove that it knows the token (--scram)', async () => {
    const server = await broker();
    const at = ['-h', '127.0.0.1', '-p', String(server.port), '-u', 'tempSensors', '-P', 'mySecret'];
    const { code, err } = await run(['pub', ...at, '-t', 'a', '-m', 'x', '--scram']);
    expect(code).toBe(1);
    expect(err).toContain('did not prove that it knows this token');
    expect(server.published()).toEqual([]);
    expect(server.received[0]).toMatchObject({ cmd: 'connect', properties: { authenticationMethod: 'SCRAM-SHA-256' } });
    expect(JSON.stringify(server.received)).not.toContain('mySecret');
  });

  it('signs in with a URL as with -u and -P, and says when that is refused', async () => {
    const server = await broker({ credentials: { username: 'tempSensors', password: 'p@ss word' } });
    const at = ['-h', '127.0.0.1', '-p', String(server.port)];
    const message = ['-t', 'a', '-m', 'x'];
    const url = `mqtt://tempSensors:p%40ss%20word@127.0.0.1:${server.port}`;
    expect((await run(['pub', '--url', url, ...message])).code).toBe(0);
    expect((await run(['pub', ...at, '-u', 'tempSensors', '-P', 'p@ss word', ...message])).code).toBe(0);
    for (const version of ['311', '5']) {
      const nobody = await run(['pub', ...at, ...message, '-V', version]);
      expect(nobody).toMatchObject({ code: 1, err: expect.stringContaining('wants a user name and a password') });
      const wrong = await run(['pub', ...at, '-u', 'tempSensors', '-P', 'no', ...message, '-V', version]);
      expect(wrong).toMatchObject({ code: 1, err: expect.stringContaining('refused this user name or password') });
      expect(wrong.err).toMatch(/^[^\n]+\n$/);
    }
  });

  it('says when a message is refused', async () => {
    const server = await broker({ publishReason: 135 });
    const result = await run([
      'pub',
      '-h',
      '127.0.0.1',
      '-p',
      String(server.port),
      '-t',
      'a',
      '-m',
      'x',
      '-q',
      '1',
      '-V',
      '5',
    ]);
    expect(result.code).toBe(1);
    expect(result.err).toMatch(
      /^sonde: 127\.0\.0\.1:\d+ refused the message: [^\n]*ot authorized[^\n]*\. Check its topic rules\.\n$/,
    );
  });
});

describe('sonde sub', () => {
  it('prints what arrives until enough came, safely', async () => {
    const server = await broker();
    const at = ['-h', '127.0.0.1', '-p', String(server.port)];
    const sub = start(['sub', ...at, '-t', 'a/#', '-t', 'b', '-v', '-C', '3']);
    while (!server.received.some(({ cmd }) => cmd === 'subscribe'))
      await new Promise((resolve) => setTimeout(resolve, 5));
    for (const payload of ['22.25', '\x1b[2J', 'x']) await run(['pub', ...at, '-t', 'a/b', '-m', payload]);
    expect(await sub.code).toBe(0);
    expect(sub.stdout.text()).toBe('a/b 22.25\na/b \\x1b[2J\na/b x\n');
    expect(server.received.at(-1)?.cmd).toBe('disconnect');
  });

  it('prints what a kept session sends before it has asked for anything, and acknowledges only that', async () => {
    const server = await broker({ queued: ['one', 'two', 'three'].map((payload) => ({ topic: 'a', payload })) });
    const at = ['-h', '127.0.0.1', '-p', String(server.port)];
    const { code, out } = await run(['sub', ...at, '-t', 'a', '-q', '1', '-c', '-i', 'kept', '-n', '2', '--raw']);
    expect({ code, out }).toEqual({ code: 0, out: 'onetwo' });
    expect(server.received.filter(({ cmd }) => cmd === 'puback')).toHaveLength(2);
    expect(server.received[0]).toMatchObject({ clientId: 'kept', clean: false });
  });

  it('connects again when the connection is lost, and ends with Ctrl-C', async () => {
    const server = await broker();
    const at = ['-h', '127.0.0.1', '-p', String(server.port)];
    const sub = start(['sub', ...at, '-t', 'a']);
    const subscribes = () => server.received.filter(({ cmd }) => cmd === 'subscribe').length;
    while (subscribes() < 1) await new Promise((resolve) => setTimeout(resolve, 5));
    server.cutAll();
    while (subscribes() < 2) await new Promise((resolve) => setTimeout(resolve, 5));
    expect(sub.stderr.text()).toContain('is gone, connecting again');
    await run(['pub', ...at, '-t', 'a', '-m', 'after']);
    await sub.stdout.seen(/after/);
    sub.stop();
    expect(await sub.code).toBe(0);
  });

  it('says which filter was refused', async () => {
    const server = await broker({ grant: (filter) => (filter === 'secret' ? 128 : 0) });
    const at = ['-h', '127.0.0.1', '-p', String(server.port)];
    for (const version of ['311', '5']) {
      const result = await run(['sub', ...at, '-t', 'secret', '-V', version]);
      expect(result).toMatchObject({ code: 1, out: '' });
      expect(result.err).toMatch(/^sonde: the server refused to subscribe to "secret"\. Check its topic rules\.\n$/);
    }
  });

  it('ends after a time, with an exit code of its own when too few came', async () => {
    const server = await broker();
    const at = ['-h', '127.0.0.1', '-p', String(server.port), '-t', 'a', '-W', '0.2'];
    expect((await run(['sub', ...at])).code).toBe(0);
    expect(await run(['sub', ...at, '-C', '1'])).toMatchObject({ code: 27, out: '' });
  });
});

describe('sonde simulate', () => {
  it('runs one of each device over a real connection, and prints what it publishes', async () => {
    const server = await broker({ credentials: { username: 'tempSensors', password: 'mySecret' } });
    const { code, out, err } = await run([
      'simulate',
      '--url',
      `mqtt://tempSensors:mySecret@127.0.0.1:${server.port}`,
      '--count',
      '3',
      '--period',
      '0.02',
      '--seed',
      '1',
    ]);
    expect({ code, err }).toEqual({ code: 0, err: '' });
    const published = server.published();
    expect(published.filter(({ topic }) => topic.startsWith('/sensors/'))).toHaveLength(9);
    expect(published.filter(({ topic }) => topic === 'esp001log')).toHaveLength(1);
    const data = published.filter(({ topic }) => topic.startsWith('data-esp-'));
    expect(data.map(({ payload }) => payload.slice(0, 7))).toEqual([
      '<Data_b',
      '[{"id":',
      '[{"id":',
      '[{"id":',
      '<Data_e',
    ]);
    expect(out).toMatch(/micropython-[0-9a-f]{4}: 3 samples\n/);
    expect(out).toMatch(/esp-[0-9a-f]{8}: 3 samples\n/);
    for (const packet of server.received) {
      if (packet.cmd === 'connect') expect(packet).toMatchObject({ protocolVersion: 4, keepalive: 0 });
      if (packet.cmd === 'publish') expect(packet.dup).toBe(false);
    }
  });

  it('connects again by itself, sends what was not acknowledged without DUP, and stops with Ctrl-C', async () => {
    const server = await broker();
    const running = start([
      'simulate',
      'mqtt-esp',
      '-h',
      '127.0.0.1',
      '-p',
      String(server.port),
      '--period',
      '0.02',
      '--quiet',
    ]);
    const samples = () => server.published().filter(({ payload }) => payload.startsWith('['));
    while (samples().length < 5) await new Promise((resolve) => setTimeout(resolve, 5));
    server.cutAll();
    const before = samples().length;
    while (samples().length < before + 5) await new Promise((resolve) => setTimeout(resolve, 5));
    running.stop();
    expect(await running.code).toBe(0);
    const ids = samples().map(({ payload }) => (JSON.parse(payload) as [{ id: number }])[0].id);
    expect([...new Set(ids)]).toEqual(Array.from({ length: (ids.at(-1) ?? 0) + 1 }, (_, id) => id));
    expect(ids.length - new Set(ids).size).toBeLessThanOrEqual(1);
    expect(server.received.every((packet) => packet.cmd !== 'publish' || !packet.dup)).toBe(true);
    expect(server.published().at(-1)?.payload).toBe('<Data_end>');
  });

  it('says so when nothing could connect', async () => {
    const running = start(['simulate', '-h', '127.0.0.1', '-p', '1', '--duration', '0.3']);
    expect(await running.code).toBe(1);
    expect(running.stderr.text()).toMatch(
      /no device could connect to 127\.0\.0\.1:1\. Start the server: sonde serve\n$/,
    );
  });
});

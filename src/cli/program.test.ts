import * as fs from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { OperatorError } from '../base/index.ts';
import type { Settings } from '../config/index.ts';
import type { CliContext, Output } from './context.ts';
import { runCli } from './program.ts';
import { startTinyBroker, type TinyBroker, type TinyBrokerOptions } from './testing/tiny-broker.ts';

let folder: string;
const brokers: TinyBroker[] = [];
beforeEach(() => {
  folder = fs.mkdtempSync(join(tmpdir(), 'sonde-cli-'));
});
afterEach(async () => {
  await Promise.all(brokers.splice(0).map((broker) => broker.close()));
  fs.rmSync(folder, { recursive: true, force: true });
});

async function broker(options: TinyBrokerOptions = {}): Promise<TinyBroker> {
  const started = await startTinyBroker(options);
  brokers.push(started);
  return started;
}

function memory(): Output & { text: () => string; seen: (pattern: RegExp) => Promise<void> } {
  let text = '';
  let waiting: (() => void)[] = [];
  return {
    isTerminal: false,
    text: () => text,
    write: async (more) => {
      text += typeof more === 'string' ? more : Buffer.from(more).toString('latin1');
      for (const look of waiting.splice(0)) look();
      waiting = waiting.slice();
    },
    seen: async (pattern) => {
      while (!pattern.test(text)) await new Promise<void>((resolve) => void waiting.push(resolve));
    },
  };
}

type Options = { input?: string; serve?: CliContext['serve']; env?: CliContext['env'] };

function start(args: readonly string[], { input = '', serve = async () => {}, env = {} }: Options = {}) {
  const stdout = memory();
  const stderr = memory();
  const stop = new AbortController();
  async function* stdin() {
    yield Buffer.from(input);
  }
  const context: CliContext = {
    version: '1.2.3',
    serve,
    signal: stop.signal,
    env,
    cwd: folder,
    stdin: stdin(),
    stdout,
    stderr,
  };
  return { stdout, stderr, stop: () => stop.abort(), code: runCli(args, context) };
}

async function run(args: readonly string[], options: Options = {}) {
  const running = start(args, options);
  const code = await running.code;
  return { code, out: running.stdout.text(), err: running.stderr.text() };
}

describe('the command line', () => {
  it.each([[[]], [['serve']]])('runs the server for %j with the default settings', async (args) => {
    let given: Settings | undefined;
    const result = await run(args, {
      serve: async (settings) => {
        given = settings;
      },
    });
    expect(result).toEqual({ code: 0, out: '', err: '' });
    expect(given).toMatchObject({ data: join(folder, 'sonde-data'), mqtt: [{ host: null, port: 1883 }] });
  });

  it('takes the flags of serve without the word, and listeners more than once', async () => {
    let given: Settings | undefined;
    await run(
      ['--mqtt', '1', '--mqtt', '[::1]:2', '--http=3', '--anonymous', 'none', '--history', 'off', '--data', 'd'],
      {
        serve: async (settings) => {
          given = settings;
        },
      },
    );
    expect(given).toMatchObject({
      mqtt: [
        { host: null, port: 1 },
        { host: '::1', port: 2 },
      ],
      http: [{ host: null, port: 3 }],
      anonymous: 'none',
      history: 'off',
      data: join(folder, 'd'),
    });
  });

  it('passes the signal on, so that the server ends in good order', async () => {
    const running = start([], {
      serve: (_, signal) => new Promise((resolve) => signal.addEventListener('abort', () => resolve())),
    });
    running.stop();
    expect(await running.code).toBe(0);
  });

  it('prints its version and its help', async () => {
    expect(await run(['--version'])).toEqual({ code: 0, out: '1.2.3\n', err: '' });
    for (const args of [
      ['--help'],
      ['help'],
      ['serve', '--help'],
      ['pub', '--help'],
      ['token', '--help'],
      ['token', 'create', '--help'],
    ]) {
      const { code, out, err } = await run(args);
      expect({ code, err }).toEqual({ code: 0, err: '' });
      expect(out).toMatch(/^Usage: sonde/);
    }
  });

  it.each<[readonly string[], RegExp]>([
    [['srve'], /^sonde: there is no command "srve" \(did you mean serve\?\)\. See: sonde --help$/],
    [['__proto__'], /^sonde: there is no command "__proto__"\. See/],
    [['gateway', 'modem'], /^sonde: sonde gateway is not in this version yet\. See/],
    [['serve', 'extra'], /^sonde: too many arguments for 'serve'/],
    [['serve', '--mqqt', '1'], /^sonde: unknown option '--mqqt' \(Did you mean --mqtt\?\)\. See: sonde --help$/],
    [['serve', '--mqtt'], /^sonde: option '--mqtt <address>' argument missing\. See/],
    [['serve', '--mqtts', '8883'], /^sonde: --mqtts: TLS listeners are not in this version yet/],
    [
      ['serve', '--config', 'absent.yaml'],
      /^sonde: cannot read the configuration file .*no such file\. Check the path/,
    ],
    [['token'], /^sonde: token needs one of create, list, revoke\. See: sonde token --help$/],
    [['token', 'crate'], /^sonde: token needs one of .* "crate" \(did you mean create\?\)\. See/],
    [['token', 'revoke'], /^sonde: missing required argument 'key'\. See/],
    [
      ['token', 'revoke', 'abcdefgh'],
      /^sonde: there is no data folder .*sonde-data\. Give the right one with --data\.$/,
    ],
    [['token', 'create', '--key', 'short'], /^sonde: a key needs at least 8 characters\. Choose another/],
    [['token', 'create', '--namespace', 'x'], /^sonde: there is no namespace "x"\. This version has one, default\.$/],
    [['pub', '-m', 'x'], /^sonde: required option '-t, --topic <topic>' not specified\. See/],
    [['pub', '-t', 'a'], /^sonde: exactly one of -m, -f, -l, -s, -n is needed\./],
    [['pub', '-t', 'a', '-m', 'x', '-l'], /^sonde: exactly one of -m/],
    [['pub', '-t', 'a/#', '-m', 'x'], /^sonde: a topic name may not hold the wildcards/],
    [['pub', '-t', 'a', '-f', 'absent', '-p', '1'], /^sonde: (cannot read absent|nobody listens)/],
    [
      ['pub', '-t', 'a', '-m', 'x', '-q', '3'],
      /^sonde: option '-q, --qos <qos>' argument '3' is invalid\. It must be 0, 1 or 2\./,
    ],
    [['pub', '-t', 'a', '-m', 'x', '-V', '4'], /It must be 31, 311 or 5\./],
    [['pub', '-t', 'a', '-m', 'x', '-P', 'secret'], /^sonde: -P is given without -u\./],
    [['pub', '-t', 'a', '-m', 'x', '--url', 'mqtt://h', '-h', 'h'], /^sonde: --url and --host are both given\./],
    [['pub', '-t', 'a', '-m', 'x', '--url', 'http://h'], /^sonde: --url with http: is not known\. Example/],
    [['pub', '-t', 'a', '-m', 'x', '--url', 'k:topsecret@h'], /^sonde: (?!.*topsecret)/],
    [
      ['pub', '-t', 'a', '-m', 'x', '-h', '127.0.0.1', '-p', '1'],
      /^sonde: nobody listens at 127\.0\.0\.1:1\. Start the server/,
    ],
    [['pub', '-t', 'a', '-m', 'x', '-h', 'a/b'], /^sonde: "a\/b" is not a host\./],
    [['sub', '-t', 'a/#/b'], /^sonde: the wildcard # must be the last level\./],
    [['sub', '-t', 'a', '-c'], /^sonde: -c is given without -i\./],
    [['sub', '-t', 'a', '-p', '1'], /^sonde: nobody listens at localhost:1\./],
    [['simulate', 'esp'], /^sonde: there is no device "esp"\. There are: esp8266-ds18b20, mqtt-esp\.$/],
    [['simulate', 'mqqt-esp'], /did you mean mqtt-esp\?/],
  ])('answers %j with one line and exit code 1', async (args, expected) => {
    const { code, out, err } = await run(args);
    expect({ code, out }).toEqual({ code: 1, out: '' });
    expect(err).toMatch(/^[^\n]+\n$/);
    expect(err.trimEnd()).toMatch(expected);
  });

  it('says in one line what the server says that its owner can mend, and shows a stack for what is a fault of ours', async () => {
    const operator = await run([], {
      serve: () => Promise.reject(new OperatorError('port 1883 is busy', 'choose another with --mqtt')),
    });
    expect(operator).toEqual({ code: 1, out: '', err: 'sonde: port 1883 is busy. Choose another with --mqtt.\n' });
    const ours = await run([], { serve: () => Promise.reject(new TypeError('x is not a function')) });
    expect(ours.code).toBe(1);
    expect(ours.err).toMatch(/please report it: TypeError: x is not a function\n\s+at /);
  });
});

describe('sonde token', () => {
  it('creates, lists and revokes, also beside a server, and shows a secret once', async () => {
    const created = await run([
      'token',
      'create',
      '--data',
      'd',
      '--read-only',
      '--description',
      'bme \u202e sensors',
      '--json',
    ]);
    expect(created).toMatchObject({ code: 0, err: '' });
    const { key, secret, url, permission } = JSON.parse(created.out) as Record<string, string>;
    expect(url).toMatch(new RegExp(`^mqtt://${key}:${secret}@.+:1883$`));
    expect(permission).toBe('read-only');

    const chosen = await run(['token', 'create', '--data', 'd', '--key', 'tempSensors', '--secret', 'mySecret']);
    expect(chosen.out).toMatch(/^key {5}tempSensors\nsecret {2}mySecret\nurl {5}mqtt:\/\/tempSensors:mySecret@/);

    const listed = await run(['token', 'list', '--data', 'd']);
    expect(listed.out).toContain(`${key}   read-only   default`);
    expect(listed.out).toContain('bme \\u202e sensors');
    expect(listed.out).toContain('tempSensors  full');
    expect(listed.out + (await run(['token', 'list', '--data', 'd', '--json'])).out).not.toContain(secret);

    expect(await run(['token', 'revoke', 'tempSensors', '--data', 'd'])).toMatchObject({
      code: 0,
      out: 'revoked tempSensors\n',
    });
    expect((await run(['token', 'list', '--data', 'd'])).out).not.toContain('tempSensors');
  });

  it('finds the data folder in the environment and the port in the configuration file', async () => {
    fs.writeFileSync(join(folder, 'c.yaml'), 'mqtt: "127.0.0.1:2883"\n');
    const { out } = await run(['token', 'create', '--config', 'c.yaml'], { env: { SONDE_DATA: 'e' } });
    expect(out).toMatch(/^url {5}mqtt:\/\/\w+:\w+@127\.0\.0\.1:2883$/m);
    expect(fs.existsSync(join(folder, 'e', 'tokens.json'))).toBe(true);
  });
});

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

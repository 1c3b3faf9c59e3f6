import * as fs from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { OperatorError } from '../base/index.ts';
import type { Settings } from '../config/index.ts';
import { type RunOptions, run as runIn, start as startIn } from './testing/run.ts';

let folder: string;
beforeEach(() => {
  folder = fs.mkdtempSync(join(tmpdir(), 'sonde-cli-'));
});
afterEach(() => fs.rmSync(folder, { recursive: true, force: true }));

const run = (args: readonly string[], options?: RunOptions) => runIn(folder, args, options);
const start = (args: readonly string[], options?: RunOptions) => startIn(folder, args, options);

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
    [['serve', '--mqtts', 'host:'], /^sonde: --mqtts: "host:" is not \[HOST:\]PORT/],
    [
      ['serve', '--config', 'absent.yaml'],
      /^sonde: cannot read the configuration file .*no such file\. Check the path/,
    ],
    [['token'], /^sonde: token needs one of create, list, rotate, revoke\. See: sonde token --help$/],
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

  it('gives a token another secret and leaves the rest of it as it was', async () => {
    await run(['token', 'create', '--data', 'd', '--key', 'tempSensors', '--read-only', '--description', 'roof']);
    const before = await run(['token', 'list', '--data', 'd']);
    const rotated = await run(['token', 'rotate', 'tempSensors', '--data', 'd', '--json']);
    expect(JSON.parse(rotated.out)).toMatchObject({ key: 'tempSensors', secret: expect.stringMatching(/^\w{24}$/) });
    const chosen = await run(['token', 'rotate', 'tempSensors', '--data', 'd', '--secret', 'otherSecret']);
    expect(chosen.out).toMatch(/^key {5}tempSensors\nsecret {2}otherSecret\n/);
    expect((await run(['token', 'list', '--data', 'd'])).out).toBe(before.out);
    const unknown = await run(['token', 'rotate', 'nobodyHere', '--data', 'd']);
    expect([unknown.code, unknown.err]).toEqual([
      1,
      'sonde: there is no token with the key "nobodyHere". See: sonde token list\n',
    ]);
  });

  it('finds the data folder in the environment and the port in the configuration file', async () => {
    fs.writeFileSync(join(folder, 'c.yaml'), 'mqtt: "127.0.0.1:2883"\n');
    const { out } = await run(['token', 'create', '--config', 'c.yaml'], { env: { SONDE_DATA: 'e' } });
    expect(out).toMatch(/^url {5}mqtt:\/\/\w+:\w+@127\.0\.0\.1:2883$/m);
    expect(fs.existsSync(join(folder, 'e', 'tokens.json'))).toBe(true);
  });
});

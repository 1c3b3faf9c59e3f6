import * as fs from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { OperatorError } from '../base/index.ts';
import type { Environment, ServeFlags } from './layers.ts';
import { resolveSettings } from './resolve.ts';
import { DEFAULTS, type Settings } from './settings.ts';

let folder: string;
beforeAll(() => {
  folder = fs.mkdtempSync(join(tmpdir(), 'sonde-config-'));
});
afterAll(() => fs.rmSync(folder, { recursive: true, force: true }));

let files = 0;
function fileWith(text: string): string {
  files += 1;
  const path = join(folder, `c${files}.yaml`);
  fs.writeFileSync(path, text);
  return path;
}

function settings(given: { flags?: ServeFlags; env?: Environment; file?: string }): Settings {
  const config = given.file === undefined ? {} : { config: fileWith(given.file) };
  return resolveSettings({ flags: { ...config, ...given.flags }, env: given.env ?? {}, cwd: folder });
}

function fault(given: Parameters<typeof settings>[0]): string {
  try {
    settings(given);
  } catch (error) {
    if (error instanceof OperatorError) return `${error.message} ${error.advice}`;
    throw error;
  }
  return 'no fault';
}

describe('the settings', () => {
  it('are the defaults when nothing is said', () => {
    expect(settings({})).toEqual({ ...DEFAULTS, data: join(folder, 'sonde-data') });
  });

  it('take the file over the defaults, the environment over the file, and the flags over all', () => {
    const file =
      'anonymous: all\nhistory: "off"\nlimits: { maxInflight: 7, maxSessions: 70 }\nmqtt: 1\nhttp: [2, "[::1]:3"]';
    expect(settings({ file })).toMatchObject({
      anonymous: 'all',
      history: 'off',
      limits: { maxInflight: 7, maxSessions: 70, connectTimeoutS: 10 },
      mqtt: [{ host: null, port: 1 }],
      http: [
        { host: null, port: 2 },
        { host: '::1', port: 3 },
      ],
    });
    const env = { SONDE_ANONYMOUS: 'none', SONDE_LIMITS_MAX_INFLIGHT: '8', SONDE_MQTT: '4, 127.0.0.1:5', PATH: '/bin' };
    expect(settings({ file, env })).toMatchObject({
      anonymous: 'none',
      limits: { maxInflight: 8, maxSessions: 70 },
      mqtt: [
        { host: null, port: 4 },
        { host: '127.0.0.1', port: 5 },
      ],
    });
    const flags = { anonymous: 'local', limit: ['maxInflight=9'], mqtt: ['6'], logLevel: 'debug' };
    expect(settings({ file, env, flags })).toMatchObject({
      anonymous: 'local',
      limits: { maxInflight: 9, maxSessions: 70 },
      mqtt: [{ host: null, port: 6 }],
      log: { level: 'debug', format: 'pretty' },
      history: 'off',
    });
  });

  it('say which member of a shared subscription gets a message, and what a full queue does', () => {
    expect(settings({}).queuePolicy).toBe('refuse-new');
    expect(settings({ flags: { queuePolicy: 'drop-oldest' } }).queuePolicy).toBe('drop-oldest');
    expect(settings({ env: { SONDE_QUEUE_POLICY: 'drop-oldest' } }).queuePolicy).toBe('drop-oldest');
    expect(fault({ flags: { queuePolicy: 'keep' } })).toMatch('--queue-policy');
    expect(settings({}).sharedSubscriptions).toBe('fair');
    expect(settings({ file: 'sharedSubscriptions: sticky' }).sharedSubscriptions).toBe('sticky');
    expect(settings({ env: { SONDE_SHARED_SUBSCRIPTIONS: 'sticky' } }).sharedSubscriptions).toBe('sticky');
    expect(settings({ flags: { sharedSubscriptions: 'sticky' } }).sharedSubscriptions).toBe('sticky');
    expect(fault({ flags: { sharedSubscriptions: 'random' } })).toMatch('--shared-subscriptions');
  });

  it('read a relative data folder against what named it', () => {
    expect(settings({ file: 'data: here' }).data).toBe(join(folder, 'here'));
    const elsewhere = resolveSettings({ flags: { data: 'here' }, env: {}, cwd: join(folder, 'x') });
    expect(elsewhere.data).toBe(join(folder, 'x', 'here'));
  });

  it('leave the given objects and the defaults as they were', () => {
    const before = JSON.stringify(DEFAULTS);
    const flags = Object.freeze({ mqtt: Object.freeze(['1']), limit: Object.freeze(['maxInflight=9']) });
    settings({ flags, env: Object.freeze({ SONDE_HTTP: '0' }) });
    expect(JSON.stringify(DEFAULTS)).toBe(before);
  });

  it('take an empty environment variable as not set, and leave those of container systems and of the tests alone', () => {
    const env = {
      SONDE_ANONYMOUS: '',
      SONDE_SERVICE_HOST: '10.0.0.1',
      SONDE_PORT: 'tcp://10.0.0.1:1883',
      SONDE_PORT_1883_TCP_ADDR: '10.0.0.1',
      SONDE_MQTT_SERVICE_PORT: '1883',
      SONDE_TEST_BROKER: 'mqtt://127.0.0.1:1',
      SONDE_CHROMIUM: '/usr/bin/chromium',
    };
    expect(settings({ env }).anonymous).toBe('local');
  });

  it('read the interval of $SYS from the file and the environment', () => {
    expect(settings({}).sysIntervalSeconds).toBe(10);
    expect(settings({ file: 'sysIntervalSeconds: 0' }).sysIntervalSeconds).toBe(0);
    const env = { SONDE_SYS_INTERVAL_SECONDS: '3' };
    expect(settings({ file: 'sysIntervalSeconds: 0', env }).sysIntervalSeconds).toBe(3);
    const wrong = { SONDE_SYS_INTERVAL_SECONDS: 'ten' };
    expect(() => settings({ env: wrong })).toThrow(/^SONDE_SYS_INTERVAL_SECONDS: /);
  });

  it('read rules', () => {
    const file = `
rules:
  - { token: classroom-1, publish: ['data/%c/#'], subscribe: ['$sonde/#'] }
  - { token: '*', subscribe: [] }
  - { anonymous: true, subscribe: ['public/#', '100%%'] }
  - { everyone: true, publish: [] }`;
    expect(settings({ file }).rules).toEqual([
      { subject: { kind: 'token', key: 'classroom-1' }, publish: ['data/%c/#'], subscribe: ['$sonde/#'] },
      { subject: { kind: 'every-token' }, publish: [], subscribe: [] },
      { subject: { kind: 'anonymous' }, publish: [], subscribe: ['public/#', '100%%'] },
      { subject: { kind: 'everyone' }, publish: [], subscribe: [] },
    ]);
  });

  it.each<[string, Parameters<typeof settings>[0], RegExp]>([
    [
      'a misspelled key of the file',
      { file: 'anonymus: all' },
      /^anonymus in .*yaml is not known \(did you mean anonymous\?\)/,
    ],
    [
      'a misspelled limit of the file',
      { file: 'limits: { max-inflght: 3 }' },
      /^limits.max-inflght .*mean maxInflight/,
    ],
    ['a key that objects have by themselves', { file: '__proto__: { anonymous: all }' }, /__proto__.* is not known/],
    [
      'a misspelled key of a rule',
      { file: 'rules: [{token: abcdefgh, publsh: []}]' },
      /^rules.0.publsh .*mean publish/,
    ],
    [
      'a misspelled variable',
      { env: { SONDE_ANONYMOS: 'all' } },
      /^the environment variable SONDE_ANONYMOS .*SONDE_ANONYMOUS\?/,
    ],
    ['rules in the environment', { env: { SONDE_RULES: '[]' } }, /SONDE_RULES is not known/],
    [
      'a misspelled limit flag',
      { flags: { limit: ['maxInflite=3'] } },
      /^--limit maxInflite is not known .*maxInflight/,
    ],
    ['a limit flag without a value', { flags: { limit: ['maxInflight'] } }, /^--limit maxInflight is not NAME=VALUE/],
    ['an unknown policy', { flags: { anonymous: 'yes' } }, /^--anonymous: .*"none"\|"local"\|"all"/],
    ['an unknown policy of the environment', { env: { SONDE_ANONYMOUS: 'ALL' } }, /^SONDE_ANONYMOUS: /],
    [
      'a limit that is no number',
      { env: { SONDE_LIMITS_MAX_INFLIGHT: 'many' } },
      /^SONDE_LIMITS_MAX_INFLIGHT: .*expected/,
    ],
    ['a limit of nothing', { flags: { limit: ['maxInflight=0'] } }, /^--limit maxInflight: Too small/],
    ['a port out of range', { flags: { mqtt: ['1883', '65536'] } }, /^--mqtt: 65536 is not a port/],
    ['an IPv6 address without brackets', { flags: { http: ['::1:80'] } }, /brackets: \[::1\]:80/],
    ['a listener without a port', { file: 'mqtt: localhost' }, /^mqtt.0 in .*"localhost" is not \[HOST:\]PORT/],
    ['no listener', { file: 'mqtt: []' }, /^mqtt in .*needs at least one/],
    ['an empty key of the file', { file: 'mqtt:' }, /^mqtt.0 in /],
    ['no listener at all', { flags: { mqtt: ['off'], http: ['off'] } }, /^every listener is off/],
    ['off beside a listener', { flags: { mqtt: ['off', '1883'] } }, /^--mqtt: "off" is not \[HOST:\]PORT/],
    ['a misspelled key of a listener', { file: 'mqtt: [{ adress: 1883 }]' }, /^mqtt.0.adress in .*mean address/],
    [
      'a misspelled key of its TLS',
      { file: 'mqtts: [{ address: 1, tls: { clientCA: a } }]' },
      /^mqtts.0.tls.clientCA .*clientCa/,
    ],
    ['a listener without an address', { file: 'mqtt: [{ anonymous: none }]' }, /^mqtt.0.address in /],
    [
      'a network that is none',
      { file: 'mqtt: [{ address: 1, proxy: [10.0.0.0/33] }]' },
      /^mqtt.0.proxy in .*is no address/,
    ],
    [
      'a PROXY header on a Unix socket',
      { file: 'unix: [a.sock, { path: b.sock, proxy: true }]' },
      /^unix.1.proxy in .* is for TCP and TLS only, not for a Unix socket; let the proxy connect to a port/,
    ],
    [
      'the networks of a proxy on a Unix socket',
      { file: 'unix: { path: b.sock, proxy: [10.0.0.0/8] }' },
      /^unix.0.proxy in .* is for TCP and TLS only/,
    ],
    ['a Unix socket twice', { file: 'unix: [a.sock, { path: ./a.sock }]' }, /^unix .*a\.sock is named twice/],
    [
      'a Unix socket that takes more than the server',
      { file: 'unix: { path: a.sock, maxPacketBytes: 8000000 }\nlimits: { maxPacketBytes: 4000000 }' },
      /^unix .*a\.sock: maxPacketBytes \(8000000\) is greater than/,
    ],
    ['nobody to believe', { file: 'mqtt: [{ address: 1, proxy: [] }]' }, /^mqtt.0.proxy in .*write true/],
    ['TLS for what has none', { file: 'mqtt: [{ address: 1, tls: {} }]' }, /^mqtt.0.tls in .*is not known/],
    ['permissions as a number', { file: 'unix: [{ path: a, mode: 0660 }]' }, /^unix.0.mode in .*such as "0660"/],
    ['keys without certificates', { flags: { tlsKey: ['a'] } }, /^tls.cert names 0 files and tls.key 1 file /],
    [
      'a mode of client certificates without a CA',
      { flags: { mqtts: ['1'], tlsClientCertificates: 'require' } },
      /^mqtts \*:1: tls.clientCertificates is require, but tls.clientCa/,
    ],
    ['a CA that nobody asks for', { env: { SONDE_TLS_CLIENT_CA: 'ca.pem' } }, /^tls.clientCa .*no client is asked/],
    ['a TLS version of the past', { flags: { tlsMinVersion: 'TLSv1' } }, /^--tls-min-version: /],
    ['a name that is none', { flags: { tlsName: ['a b'] } }, /^--tls-name: "a b" is no host name/],
    [
      'a listener that takes more than the server',
      { file: 'mqtt: [{ address: 1, maxPacketBytes: 9000000 }]' },
      /^mqtt \*:1: maxPacketBytes .*limits.maxPacketBytes/,
    ],
    ['PostgreSQL', { flags: { history: 'postgres://u:p@h/db' } }, /^--history: PostgreSQL .*not in this version yet/],
    ['an unknown history', { flags: { history: 'sqlite' } }, /^--history: is none of duckdb, off/],
    ['an empty data folder', { flags: { data: '' } }, /^--data: is empty/],
    ['rules that restrict nobody', { file: 'rules: []' }, /^rules in .*restrict nobody/],
    ['rules without content', { file: 'rules:' }, /^rules in /],
    ['a rule for nobody', { file: 'rules: [{publish: [a]}]' }, /^rules.0 in .*exactly one of token/],
    ['a rule for two', { file: 'rules: [{anonymous: true, everyone: true, publish: [a]}]' }, /exactly one of token/],
    ['a rule that grants and refuses nothing', { file: 'rules: [{anonymous: true}]' }, /needs publish or subscribe/],
    [
      'a rule for a key that no token can have',
      { file: 'rules: [{token: "a/#", publish: [b]}]' },
      /"a\/#" cannot be a token's key/,
    ],
    [
      'a filter that is none',
      { file: 'rules: [{anonymous: true, publish: ["a/#/b"]}]' },
      /^rules.0.publish.0 in .*must be the last level/,
    ],
    ['a filter with an unknown mark', { file: 'rules: [{anonymous: true, publish: ["a/%d"]}]' }, /after % comes c/],
    [
      'a filter that ends in a percent sign',
      { file: 'rules: [{anonymous: true, publish: ["a%%%"]}]' },
      /after % comes c/,
    ],
    [
      'a right to publish what Sonde computes',
      { file: 'rules: [{anonymous: true, publish: ["$SYS/#"]}]' },
      /nobody may publish to \$sonde\/ and \$SYS\//,
    ],
    ['a file that is empty', { file: '' }, /^the configuration file .* is empty/],
    ['a file of comments', { file: '# anonymous: none\n' }, /^the configuration file .* is empty/],
    ['a file that is a list', { file: '- anonymous' }, /^the top level in .*expected object/],
    ['a file that is no YAML', { file: 'mqtt: [1883' }, /^the configuration file .* is no YAML: /],
    ['a key given twice', { file: 'anonymous: none\nanonymous: all' }, /is no YAML: .*unique/],
    ['two documents', { file: 'anonymous: none\n---\nanonymous: all' }, /holds several documents/],
    [
      'a file that is not there',
      { flags: { config: 'absent.yaml' } },
      /^cannot read the configuration file .*no such file/,
    ],
    ['a folder as file', { flags: { config: '.' } }, /^cannot read the configuration file /],
    ['a file of the environment that is not there', { env: { SONDE_CONFIG: 'absent.yaml' } }, /no such file/],
    [
      'a CONNECT larger than a packet',
      { flags: { limit: ['maxPacketBytes=2048'] } },
      /^limits.maxConnectBytes .*greater than limits.maxPacketBytes/,
    ],
    [
      'a packet larger than a queue',
      { flags: { limit: ['maxQueuedBytes=2048'] } },
      /limits.maxPacketBytes .*limits.maxQueuedBytes/,
    ],
    [
      'two listeners on one port',
      { flags: { http: ['127.0.0.1:1883'] } },
      /^mqtt \*:1883 and http 127.0.0.1:1883 want the same port/,
    ],
  ])('refuse %s in one line', (_, given, expected) => {
    const text = fault(given);
    expect(text).toMatch(expected);
    expect(text).not.toContain('\n');
  });

  it('refuse an alias bomb without spending memory on it', () => {
    const levels = 'abcdefghi'.split('');
    const lines = levels.map((name, at) => {
      const before = levels[at - 1];
      const item = before === undefined ? 'lol' : `*${before}`;
      return `${name}: &${name} [${Array(9).fill(item).join(',')}]`;
    });
    expect(fault({ file: lines.join('\n') })).toMatch(/^the configuration file .* cannot be used: /);
  });

  it('read listeners as addresses and as objects, and what all TLS listeners share under what each says', () => {
    const file = `
mqtt: [1883, { address: "127.0.0.1:1884", anonymous: none, maxConnections: 5, maxPacketBytes: 2048, proxy: [10.0.0.0/8] }]
http: off
mqtts: [8883, { address: 8884, tls: { clientCertificates: require, clientCa: devices.pem } }]
https: { address: 8443, proxy: true, tls: { cert: other.pem } }
unix: [run/a.sock, { path: /run/b.sock, mode: "0660" }]
tls: { cert: [a.pem, b.pem], key: [a.key, b.key], minVersion: TLSv1.3 }`;
    const read = settings({ file });
    expect(read.mqtt).toEqual([
      { host: null, port: 1883 },
      {
        host: '127.0.0.1',
        port: 1884,
        anonymous: 'none',
        maxConnections: 5,
        maxPacketBytes: 2048,
        proxy: ['10.0.0.0/8'],
      },
    ]);
    expect(read.http).toEqual([]);
    const shared = { cert: [join(folder, 'a.pem'), join(folder, 'b.pem')], minVersion: 'TLSv1.3' };
    expect(read.mqtts).toMatchObject([
      { port: 8883, tls: { ...shared, clientCertificates: 'none' } },
      { port: 8884, tls: { ...shared, clientCertificates: 'require', clientCa: join(folder, 'devices.pem') } },
    ]);
    // Its own certificate, and not the key of another.
    expect(read.https).toMatchObject([
      { port: 8443, proxy: true, tls: { cert: [join(folder, 'other.pem')], key: [] } },
    ]);
    expect(read.unix).toEqual([
      { path: join(folder, 'run/a.sock'), mode: 0o600 },
      { path: '/run/b.sock', mode: 0o660 },
    ]);
  });

  it('read TLS from flags over the environment over the file', () => {
    const file = 'mqtts: 8883\ntls: { cert: file.pem, certificateUser: subject, names: [a.example] }';
    const env = { SONDE_TLS_CERT: 'env.pem', SONDE_TLS_KEY: 'env.key', SONDE_TLS_MIN_VERSION: 'TLSv1.3' };
    const flags = { tlsCert: ['flag.pem'], https: ['1', '2'], tlsName: ['b.example', '10.0.0.1'] };
    expect(settings({ file, env }).tls).toMatchObject({
      cert: [join(folder, 'env.pem')],
      key: [join(folder, 'env.key')],
    });
    const { tls, mqtts, https } = settings({ file, env, flags });
    expect(tls).toMatchObject({
      cert: [join(folder, 'flag.pem')],
      key: [],
      certificateUser: 'subject',
      minVersion: 'TLSv1.3',
      names: ['b.example', '10.0.0.1'],
    });
    expect([mqtts[0]?.tls, https[1]?.tls]).toEqual([tls, tls]);
  });

  it('let several listeners share a port on different hosts, and port 0 stand often', () => {
    const flags = { mqtt: ['127.0.0.1:1883', '[::1]:1883', '0'], http: ['0', '0'] };
    expect(settings({ flags }).mqtt).toHaveLength(3);
  });
});

describe('what MQTT 5.0 leaves to the server', () => {
  it('stands under mqtt5, in the file and in the environment', () => {
    const file = 'mqtt5: { responseInformation: "answers/%c", serverReference: "other:1883" }';
    const env = { SONDE_MQTT5_PAYLOAD_FORMAT: 'check', SONDE_MQTT5_SERVER_REFERENCE: 'third:1883' };
    expect(settings({ file, env }).mqtt5).toEqual({
      responseInformation: 'answers/%c',
      serverReference: 'third:1883',
      serverReferenceWhen: 'shutdown',
      payloadFormat: 'check',
    });
  });

  it.each([
    ['mqtt5: { serverReferenceWhen: now }', 'mqtt5.serverReference '],
    ['mqtt5: { serverReference: "" }', 'mqtt5.serverReference'],
    ['mqtt5: { serverReference: "a b" }', 'mqtt5.serverReference'],
    ['mqtt5: { responseInformation: "answers/#" }', 'wildcard'],
    ['mqtt5: { responseInformation: "answers/%x" }', 'after % comes'],
    ['mqtt5: { responseInfo: x }', 'mqtt5.responseInfo'],
    ['mqtt5: { payloadFormat: yes }', 'mqtt5.payloadFormat'],
  ])('is refused where it cannot be meant: %s', (file, named) => {
    expect(fault({ file })).toContain(named);
  });
});

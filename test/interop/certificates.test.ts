import { copyFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect as tlsConnect } from 'node:tls';
import { connect, connectAsync, type IClientOptions } from 'mqtt';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  freePort,
  hasTool,
  type Issuer,
  makeCa,
  type Pair,
  type RunningSonde,
  requireTool,
  runTool,
  startSonde,
  startTool,
  waitFor,
} from '../tooling/index.ts';

/** Certificates that somebody else issued: algorithms, names, clients' own, and new ones while it runs. */
describe('given certificates', () => {
  requireTool('openssl', 'mosquitto_pub', 'mosquitto_sub');
  const folder = mkdtempSync(join(tmpdir(), 'sonde-certificates-'));
  const file = (name: string): string => join(folder, name);
  let ca: Issuer;
  let other: Issuer;
  let device: Pair;
  let sonde: RunningSonde;
  const ports = { open: 0, both: 0, kinds: 0, kindsHttps: 0, required: 0, optional: 0, https: 0 };

  beforeAll(async () => {
    if (!hasTool('openssl')) return;
    ca = await makeCa(folder);
    other = await makeCa(folder, 'other');
    await ca.issue('rsa', { subject: '/CN=localhost', names: 'DNS:localhost,IP:127.0.0.1' });
    await ca.issue('ecdsa', { subject: '/CN=localhost', names: 'DNS:localhost,IP:127.0.0.1', algorithm: 'ecdsa' });
    await ca.issue('lab', { subject: '/CN=lab.example', names: 'DNS:lab.example' });
    await ca.issue('lab-ecdsa', { subject: '/CN=lab.example', names: 'DNS:lab.example', algorithm: 'ecdsa' });
    await ca.issue('modern', { subject: '/CN=modern.example', names: 'DNS:modern.example', algorithm: 'ecdsa' });
    await ca.issue('wild', { subject: '/CN=wild', names: 'DNS:*.lab.example' });
    device = await ca.issue('device', { subject: '/O=Lab/CN=esp-1' });
    for (const name of Object.keys(ports) as (keyof typeof ports)[]) ports[name] = await freePort();
    writeFileSync(file('sonde.yaml'), configuration());
    sonde = await startSonde({ anonymous: 'none', args: ['--config', file('sonde.yaml')] });
  });
  afterAll(async () => {
    await sonde?.stop();
    rmSync(folder, { recursive: true, force: true, maxRetries: 5, retryDelay: 200 });
  });

  /** RSA and ECDSA for localhost and lab.example; RSA only for *.lab.example; ECDSA only for modern.example. */
  const ALL = ['rsa', 'ecdsa', 'lab', 'lab-ecdsa', 'modern', 'wild'];
  const KINDS = `{ clientCertificates: optional, clientCa: ca.pem, cert: [${ALL.map((name) => `${name}.pem`)}], key: [${ALL.map((name) => `${name}.key`)}] }`;

  function configuration(): string {
    return `
mqtts:
  - address: 127.0.0.1:${ports.open}
    anonymous: all
  - address: 127.0.0.1:${ports.both}
    tls: { cert: [rsa.pem, ecdsa.pem], key: [rsa.key, ecdsa.key] }
  - { address: "127.0.0.1:${ports.kinds}", anonymous: all, tls: ${KINDS} }
  - address: 127.0.0.1:${ports.required}
    tls: { clientCertificates: require, clientCa: ca.pem }
  - address: 127.0.0.1:${ports.optional}
    tls: { clientCertificates: optional, clientCa: ca.pem, certificateUser: subject }
https:
  - { address: "127.0.0.1:${ports.kindsHttps}", anonymous: all, tls: ${KINDS} }
  - address: 127.0.0.1:${ports.https}
    tls: { clientCertificates: optional, clientCa: ca.pem }
tls:
  cert: [rsa.pem, lab.pem, wild.pem]
  key: [rsa.key, lab.key, wild.key]
rules:
  - { certificate: "*", publish: ["devices/%u/#"], subscribe: ["devices/%u/#"] }
`;
  }

  /** What openssl's client says of one connection; its end of input ends it. */
  async function handshake(port: number, ...args: readonly string[]): Promise<string> {
    const at = ['s_client', '-connect', `127.0.0.1:${port}`, '-CAfile', ca.cert];
    const { stdout, stderr } = await runTool('openssl', [...at, ...args], '');
    return stdout + stderr;
  }

  const publish = (port: number, ...args: readonly string[]) =>
    runTool('mosquitto_pub', ['-h', 'localhost', '-p', String(port), '--cafile', ca.cert, ...args]);
  const as = ({ cert, key }: Pair) => ['--cert', cert, '--key', key];

  it.each([
    ['TLS 1.2, RSA', ['-tls1_2', '-cipher', 'ECDHE-RSA-AES128-GCM-SHA256'], /ECDHE-RSA-AES128-GCM-SHA256/],
    ['TLS 1.2, ECDSA', ['-tls1_2', '-cipher', 'ECDHE-ECDSA-AES128-GCM-SHA256'], /ECDHE-ECDSA-AES128-GCM-SHA256/],
    [
      'TLS 1.3, RSA',
      ['-tls1_3', '-sigalgs', 'rsa_pss_rsae_sha256'],
      /TLSv1.3[\s\S]*Peer signature type: RSA-PSS|Peer signature type: RSA-PSS[\s\S]*TLSv1.3/,
    ],
    ['TLS 1.3, ECDSA', ['-tls1_3', '-sigalgs', 'ecdsa_secp256r1_sha256'], /Peer signature type: ECDSA[\s\S]*TLSv1.3/],
    [
      'what an ESP8266 with BearSSL or mbedTLS has',
      ['-tls1_2', '-cipher', 'ECDHE-RSA-AES128-SHA256'],
      /ECDHE-RSA-AES128-SHA256/,
    ],
    ['what an ESP8266 with axTLS has', ['-tls1_2', '-cipher', 'AES128-SHA'], /Cipher is AES128-SHA/],
    ['fragments of 512 bytes', ['-tls1_2', '-maxfraglen', '512'], /Verify return code: 0/],
  ])('serves %s', async (_, args, expected) => {
    const said = await handshake(ports.both, ...args);
    expect(said).toMatch(/Verify return code: 0 \(ok\)/);
    expect(said).toMatch(expected);
  });

  it.each(['-tls1', '-tls1_1'])('refuses %s', async (version) => {
    expect(await handshake(ports.open, version, '-cipher', 'ALL:@SECLEVEL=0')).toMatch(/Cipher is \(NONE\)/);
  });

  it.each([
    ['lab.example', 'lab.example'],
    ['anything.lab.example', 'wild'],
    ['localhost', 'localhost'],
    ['unknown.example', 'localhost'],
  ])('shows %s the certificate of %s (SNI)', async (name, expected) => {
    expect(await handshake(ports.open, '-servername', name)).toMatch(new RegExp(`subject=CN = ${expected}\n`));
  });

  describe.each(['kinds', 'kindsHttps'] as const)('of several kinds of keys for several names (%s)', (listener) => {
    const RSA = { '-tls1_2': ['-cipher', 'aRSA'], '-tls1_3': ['-sigalgs', 'rsa_pss_rsae_sha256'] };
    const ECDSA = { '-tls1_2': ['-cipher', 'aECDSA'], '-tls1_3': ['-sigalgs', 'ecdsa_secp256r1_sha256'] };
    const MODERN = {
      '-tls1_2': ['-cipher', 'aECDSA:aRSA'],
      '-tls1_3': ['-sigalgs', 'ECDSA+SHA256:rsa_pss_rsae_sha256'],
    };

    it.each([
      ['localhost', 'localhost', 'localhost'],
      ['lab.example', 'lab.example', 'lab.example'],
      ['a.lab.example', 'wild', null],
      ['modern.example', null, 'modern.example'],
      ['unknown.example', 'localhost', 'localhost'],
    ])('show %s the RSA certificate of %s and the ECDSA one of %s', async (name, rsa, ecdsa) => {
      const shown = async (version: '-tls1_2' | '-tls1_3', kind: typeof RSA) => {
        const said = await handshake(ports[listener], '-servername', name, version, ...kind[version]);
        const subject = /subject=CN = (.*)\n/.exec(said)?.[1] ?? null;
        return [subject, /Peer signature type: (RSA|ECDSA)/.exec(said)?.[1] ?? null];
      };
      for (const version of ['-tls1_2', '-tls1_3'] as const) {
        expect(await shown(version, RSA)).toEqual([rsa, rsa && 'RSA']);
        expect(await shown(version, ECDSA)).toEqual([ecdsa, ecdsa && 'ECDSA']);
        // Who can check both never gets the certificate of another name for the sake of its kind.
        expect((await shown(version, MODERN))[0]).toBe(ecdsa ?? rsa);
      }
    });
  });

  it('of several kinds serve mosquitto and a secure WebSocket by name', async () => {
    for (const name of ['localhost', 'lab.example', 'modern.example', 'x.lab.example']) {
      const trust = { ca: readFileSync(ca.cert), servername: name };
      const over = {
        mqtts: { ...trust, host: '127.0.0.1', port: ports.kinds },
        wss: { wsOptions: trust },
      };
      for (const scheme of ['mqtts', 'wss'] as const) {
        const port = scheme === 'mqtts' ? ports.kinds : ports.kindsHttps;
        const client = await connectAsync(`${scheme}://127.0.0.1:${port}/mqtt`, {
          reconnectPeriod: 0,
          ...(over[scheme] as IClientOptions),
        });
        await client.publishAsync('kinds', name, { qos: 1 });
        await client.endAsync();
      }
    }
    expect((await publish(ports.kinds, '-t', 'kinds', '-m', 'x', '-q', '1')).code).toBe(0);
  });

  it('of several kinds ask clients for theirs, whatever name they come by', async () => {
    const stranger = await other.issue('stranger', { subject: '/CN=esp-1' });
    const send = async (servername: string, { cert, key }: Pair, topic: string) => {
      const client = connect(`mqtts://127.0.0.1:${ports.kinds}`, {
        protocolVersion: 5,
        reconnectPeriod: 0,
        servername,
        ca: readFileSync(ca.cert),
        cert: readFileSync(cert),
        key: readFileSync(key),
      });
      try {
        await new Promise<void>((resolve, reject) => {
          client.once('connect', () => resolve());
          client.once('error', reject);
          client.once('close', () => reject(new Error('closed before CONNACK')));
        });
        return (await client.publishAsync(topic, 'x', { qos: 1 }))?.cmd;
      } finally {
        await client.endAsync(true);
      }
    };
    for (const name of ['localhost', 'modern.example', 'lab.example']) {
      expect(await send(name, device, 'devices/esp-1/kinds')).toBe('publish');
      await expect(send(name, device, 'devices/esp-2/kinds')).rejects.toThrow(/Not authorized/);
      await expect(send(name, stranger, 'devices/esp-1/kinds')).rejects.toThrow(/closed before CONNACK|ECONNRESET/);
    }
  });

  it('of several kinds: what is no TLS is told and dropped as elsewhere', async () => {
    const plain = await runTool('mosquitto_pub', ['-p', String(ports.kinds), '-t', 'a', '-m', 'b']);
    expect(plain.code).not.toBe(0);
    await waitFor('the hint', () => /what came is no TLS/.test(sonde.log()));
  });

  it.each(['-tls1_2', '-tls1_3'])('takes up a session without a full handshake (%s)', async (version) => {
    const session = file(`session${version}`);
    const ask = (...args: readonly string[]) => askOnce(ports.open, version, ...args);
    expect(await ask('-sess_out', session)).toMatch(/New, TLS/);
    expect(await ask('-sess_in', session)).toMatch(/Reused, TLS/);
  });

  /** Stays until the answer to a CONNECT is there: TLS 1.3 sends its tickets after the handshake. */
  async function askOnce(port: number, ...args: readonly string[]): Promise<string> {
    const at = ['s_client', '-connect', `127.0.0.1:${port}`, '-CAfile', ca.cert, '-ign_eof'];
    const running = startTool('openssl', [...at, ...args]);
    await running.saw(/Verify return code/);
    // CONNECT of 3.1.1 with the client id "a", PINGREQ, DISCONNECT: Sonde ends the connection.
    running.write('\x10\x0d\x00\x04MQTT\x04\x02\x00\x0f\x00\x01a\xe0\x00'.replace('\xe0', '\xe0'));
    running.endInput();
    await running.exited;
    return running.stdout() + running.stderr();
  }

  describe('of clients', () => {
    it('are the user, whom rules name', async () => {
      // A retained message that comes first: the subscription stands.
      const ready = ['-t', 'devices/esp-1/ready', '-m', 'ready', '-r', '-q', '1'];
      expect((await publish(ports.required, ...as(device), ...ready)).code).toBe(0);
      const got = startTool('mosquitto_sub', [
        '-h',
        'localhost',
        '-p',
        String(ports.required),
        '--cafile',
        ca.cert,
        ...as(device),
        '-t',
        'devices/esp-1/#',
        '-C',
        '2',
      ]);
      await got.saw(/ready/);
      const own = ['-t', 'devices/esp-1/state', '-m', 'mine', '-q', '1', '-V', 'mqttv5'];
      expect(await publish(ports.required, ...as(device), ...own)).toMatchObject({ code: 0, stderr: '' });
      await got.saw(/mine/);
      const foreign = ['-t', 'devices/esp-2/state', '-m', 'x', '-q', '1', '-V', 'mqttv5', '-d'];
      const refused = await publish(ports.required, ...as(device), ...foreign);
      expect(refused.stdout + refused.stderr).toMatch(/[Nn]ot authori[sz]ed|RC:135/);
    });

    it('are required where that is said', async () => {
      expect((await publish(ports.required, '-t', 'a', '-m', 'b')).code).not.toBe(0);
      await waitFor('the hint', () =>
        /the client has no certificate, and this listener requires one/.test(sonde.log()),
      );
    });

    it('of another CA are refused, also where none is required', async () => {
      const stranger = await other.issue('stranger', { subject: '/CN=esp-1' });
      for (const port of [ports.required, ports.optional]) {
        expect((await publish(port, ...as(stranger), '-t', 'devices/esp-1/x', '-m', 'b')).code).not.toBe(0);
      }
      await waitFor('the reason', () => (sonde.log().match(/client certificate is not believed/g)?.length ?? 0) >= 2);
    });

    it('may be left out where they are optional, and then a token is needed', async () => {
      const refused = await publish(ports.optional, '-t', 'a', '-m', 'b');
      expect(refused.stderr + refused.stdout).toMatch(/not authorised/i);
      const whole = ['-t', 'devices/CN=esp-1,O=Lab/x', '-m', 'b', '-q', '1', '-V', 'mqttv5'];
      expect(await publish(ports.optional, ...as(device), ...whole)).toMatchObject({ code: 0, stderr: '' });
    });

    it.each([
      ['a wildcard', '/CN=esp-#'],
      ['another wildcard', '/CN=+'],
      ['a level separator', '/CN=esp\\/1'],
      ['no name', '/O=Lab'],
      ['two names', '/CN=esp-1/CN=esp-2'],
      ['the name of nobody', '/CN=anonymous'],
      ['a character that turns text round', '/CN=esp\u202e1'],
    ])('with %s are nobody', async (_, subject) => {
      const strange = await ca.issue('strange', { subject });
      const refused = await publish(ports.required, ...as(strange), '-t', 'devices/x', '-m', 'b');
      expect(refused.stderr + refused.stdout).toMatch(/not authorised/i);
    });

    it('with another user name beside them are refused, and with their own let in', async () => {
      const at = ['-t', 'devices/esp-1/x', '-m', 'b', '-q', '1'];
      expect((await publish(ports.required, ...as(device), '-u', 'esp-2', ...at)).code).not.toBe(0);
      expect((await publish(ports.required, ...as(device), '-u', 'esp-1', ...at)).code).toBe(0);
    });

    it('say who somebody is over HTTPS too', async () => {
      const { code, stdout } = await runTool('curl', [
        '-sS',
        '--cacert',
        ca.cert,
        '--cert',
        device.cert,
        '--key',
        device.key,
        `https://localhost:${ports.https}/api/v1/session`,
      ]);
      expect(code).toBe(0);
      expect(JSON.parse(stdout)).toMatchObject({ principal: 'esp-1', anonymous: false, allTopics: false });
    });
  });

  describe('that change', () => {
    const serialOf = (port: number) =>
      new Promise<string>((resolve, reject) => {
        const socket = tlsConnect({ port, host: '127.0.0.1', servername: 'lab.example', rejectUnauthorized: false });
        socket.once('secureConnect', () => {
          resolve(socket.getPeerCertificate().serialNumber);
          socket.destroy();
        });
        socket.once('error', reject);
      });

    it('are taken without a restart; who is connected stays; a broken one is said and not taken', async () => {
      const reads = () => sonde.log().match(/certificates read/g)?.length ?? 0;
      expect((await publish(ports.open, '-t', 'stays', '-m', 'ready', '-r', '-q', '1')).code).toBe(0);
      const stays = startTool('mosquitto_sub', [
        '-h',
        'localhost',
        '-p',
        String(ports.open),
        '--cafile',
        ca.cert,
        '-t',
        'stays',
        '-C',
        '2',
      ]);
      await stays.saw(/ready/);
      const first = await serialOf(ports.open);

      // A certificate without its key: what was read before stays.
      const renewed = await ca.issue('renewed', { subject: '/CN=lab.example', names: 'DNS:lab.example' });
      copyFileSync(renewed.cert, file('lab.pem'));
      await waitFor('the fault', () => /lab\.key cannot be used: it is not the key of/.test(sonde.log()));
      expect(await serialOf(ports.open)).toBe(first);

      // Its key comes later: each of the six listeners that have it takes both.
      const before = reads();
      copyFileSync(renewed.key, file('lab.key'));
      await waitFor('the files to be read', () => reads() >= before + 6);
      const second = await serialOf(ports.open);
      expect(second).not.toBe(first);

      writeFileSync(file('lab.pem'), 'no certificate');
      sonde.process.signal('SIGHUP');
      await waitFor('the fault', () => /lab\.pem cannot be used: it holds no certificate/.test(sonde.log()));
      expect(await serialOf(ports.open)).toBe(second);

      copyFileSync(renewed.cert, file('lab.pem'));
      const broken = reads();
      sonde.process.signal('SIGHUP');
      await waitFor('the files to be read', () => reads() > broken);
      expect((await publish(ports.open, '-t', 'stays', '-m', 'still here', '-q', '1')).code).toBe(0);
      await stays.saw(/still here/);
    });

    it('a CA of clients that is replaced lets its certificates in no more, also not by an old session', async () => {
      const session = file('session-device');
      const mine = ['-tls1_2', '-cert', device.cert, '-key', device.key];
      expect(await askOnce(ports.required, ...mine, '-sess_out', session)).toMatch(/New, TLS/);
      expect(await askOnce(ports.required, ...mine, '-sess_in', session)).toMatch(/Reused, TLS/);
      const reads = () => sonde.log().match(/certificates read/g)?.length ?? 0;
      const before = reads();
      const kept = file('ca.before.pem');
      copyFileSync(ca.cert, kept);
      copyFileSync(other.cert, ca.cert);
      sonde.process.signal('SIGHUP');
      await waitFor('the files to be read', () => reads() >= before + 3);
      const said = await runTool('openssl', [
        's_client',
        '-connect',
        `127.0.0.1:${ports.required}`,
        ...mine,
        '-sess_in',
        session,
      ]);
      expect(said.stdout).not.toMatch(/Reused, TLS/);
      const at = ['-h', 'localhost', '-p', String(ports.required), '--cafile', kept];
      const publishing = [...as(device), '-t', 'devices/esp-1/x', '-m', 'b'];
      expect((await runTool('mosquitto_pub', [...at, ...publishing])).code).not.toBe(0);
    });
  });
});

import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, connect as tcpConnect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect as tlsConnect } from 'node:tls';
import { connect, type ErrorWithReasonCode, type IClientOptions } from 'mqtt';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { SCRAM_SHA_256, scramClient } from '../../src/access/index.ts';
import {
  freePort,
  hasTool,
  type Issuer,
  makeCa,
  type Pair,
  type RunningSonde,
  requireTool,
  runTool,
  sondeCommand,
  startSonde,
  startTool,
  waitFor,
} from '../tooling/index.ts';

const KEY = 'tempSensors';
const SECRET = 'mySecret';

/** What a client's certificate does to the ways of signing in, and what ends it. */
describe('client certificates', () => {
  requireTool('openssl', 'mosquitto_pub', 'mosquitto_sub');
  const folder = mkdtempSync(join(tmpdir(), 'sonde-clients-'));
  const file = (name: string): string => join(folder, name);
  let ca: Issuer;
  let sonde: RunningSonde;
  const pairs: Record<'own' | 'other' | 'refused' | 'second' | 'lost', Pair> = {} as never;
  const ports = { users: 0, door: 0, listed: 0, small: 0, large: 0 };

  beforeAll(async () => {
    if (!hasTool('openssl')) return;
    ca = await makeCa(folder);
    await ca.issue('server', { subject: '/CN=localhost', names: 'DNS:localhost,IP:127.0.0.1' });
    pairs.own = await ca.issue('own', { subject: `/CN=${KEY}` });
    pairs.other = await ca.issue('other', { subject: '/CN=esp-1' });
    pairs.refused = await ca.issue('refused', { subject: '/CN=+' });
    pairs.second = await ca.issue('second', { subject: '/CN=esp-2' });
    pairs.lost = await ca.issue('lost', { subject: '/CN=esp-3' });
    await ca.revoke(file('crl.pem'), pairs.lost.cert);
    for (const name of Object.keys(ports) as (keyof typeof ports)[]) ports[name] = await freePort();
    writeFileSync(file('sonde.yaml'), configuration());
    sonde = await startSonde({ anonymous: 'none', args: ['--config', file('sonde.yaml')] });
    const args = ['token', 'create', '--key', KEY, '--secret', SECRET, '--data', sonde.dataDir];
    expect((await sondeCommand(args)).code).toBe(0);
  });
  afterAll(async () => {
    await sonde?.stop();
    rmSync(folder, { recursive: true, force: true, maxRetries: 5, retryDelay: 200 });
  });

  const configuration = () => `
mqtts:
  - { address: "127.0.0.1:${ports.users}", tls: { clientCertificates: require, clientCa: ca.pem } }
  - { address: "127.0.0.1:${ports.door}", tls: { clientCertificates: require, clientCa: ca.pem, certificateUser: none } }
  - { address: "127.0.0.1:${ports.listed}", tls: { clientCertificates: require, clientCa: ca.pem, clientCrl: crl.pem } }
  - { address: "127.0.0.1:${ports.small}", anonymous: all, tls: { maxRecordBytes: 512 } }
  - { address: "127.0.0.1:${ports.large}", anonymous: all }
tls: { cert: server.pem, key: server.key }
`;

  type How = 'nothing' | 'password' | 'scram';

  /** The reason code of CONNACK. */
  async function signIn(port: number, pair: Pair, how: How): Promise<number> {
    const asker = scramClient(SCRAM_SHA_256, KEY, SECRET, 'nonce-of-client');
    const propertiesOf = (authenticationData: Buffer) => ({
      authenticationMethod: SCRAM_SHA_256.name,
      authenticationData,
    });
    const ways: Record<How, IClientOptions> = {
      nothing: {},
      password: { username: KEY, password: SECRET },
      scram: { properties: propertiesOf(asker.first) },
    };
    const client = connect(`mqtts://localhost:${port}`, {
      protocolVersion: 5,
      reconnectPeriod: 0,
      ca: readFileSync(ca.cert),
      cert: readFileSync(pair.cert),
      key: readFileSync(pair.key),
      ...ways[how],
    });
    client.handleAuth = (packet, done) => {
      asker.final(packet.properties?.authenticationData ?? Buffer.alloc(0)).then(
        (final) => setImmediate(done, undefined, { cmd: 'auth', reasonCode: 0x18, properties: propertiesOf(final) }),
        (error: Error) => setImmediate(done, error),
      );
    };
    try {
      return await new Promise<number>((resolve, reject) => {
        client.once('connect', ({ reasonCode }) => resolve(reasonCode ?? -1));
        client.once('error', (error) => {
          const { code } = error as ErrorWithReasonCode;
          if (typeof code === 'number') resolve(code);
          else reject(error);
        });
      });
    } finally {
      await client.endAsync(true);
    }
  }

  it('of the same name go with a token, by password and by SCRAM', async () => {
    for (const how of ['nothing', 'password', 'scram'] as const) {
      expect(await signIn(ports.users, pairs.own, how)).toBe(0);
    }
  });

  it('of another name refuse a token, by password and by SCRAM [MQTT-3.1.4-2] [MQTT-4.12.0-4]', async () => {
    expect(await signIn(ports.users, pairs.other, 'nothing')).toBe(0);
    expect(await signIn(ports.users, pairs.other, 'password')).toBe(0x86);
    expect(await signIn(ports.users, pairs.other, 'scram')).toBe(0x86);
    expect(sonde.log().replaceAll('\\"', '"')).toContain(
      'SCRAM-SHA-256: user name "tempSensors" with the certificate of "esp-1"',
    );
  });

  it('whose name cannot be a user refuse every way of signing in [MQTT-3.1.4-2] [MQTT-4.12.0-4]', async () => {
    for (const how of ['nothing', 'password', 'scram'] as const) {
      expect(await signIn(ports.users, pairs.refused, how)).toBe(0x87);
    }
  });

  it('that name nobody only open the door: a token says who it is', async () => {
    for (const pair of [pairs.own, pairs.other, pairs.refused]) {
      expect(await signIn(ports.door, pair, 'nothing')).toBe(0x87);
      expect(await signIn(ports.door, pair, 'password')).toBe(0);
      expect(await signIn(ports.door, pair, 'scram')).toBe(0);
    }
  });

  describe('that the CA has withdrawn', () => {
    const publish = ({ cert, key }: Pair, ...more: readonly string[]) =>
      runTool('mosquitto_pub', [
        '-h',
        'localhost',
        '-p',
        String(ports.listed),
        '--cafile',
        ca.cert,
        '--cert',
        cert,
        '--key',
        key,
        '-t',
        'listed',
        '-m',
        'x',
        '-q',
        '1',
        ...more,
      ]);

    it.each(['tlsv1.2', 'tlsv1.3'])('let nobody in, and the others do (%s)', async (version) => {
      expect((await publish(pairs.lost, '--tls-version', version)).code).not.toBe(0);
      expect((await publish(pairs.other, '--tls-version', version)).code).toBe(0);
      await waitFor('the reason', () => /is not believed \(CERT_REVOKED\)/.test(sonde.log()));
      // Only where the list is named.
      expect(await signIn(ports.users, pairs.lost, 'nothing')).toBe(0);
    });

    it('let nobody in from the moment that a new list is read; who is connected stays', async () => {
      expect((await publish(pairs.second, '-r')).code).toBe(0);
      const stays = startTool('mosquitto_sub', [
        '-h',
        'localhost',
        '-p',
        String(ports.listed),
        '--cafile',
        ca.cert,
        '--cert',
        pairs.second.cert,
        '--key',
        pairs.second.key,
        '-t',
        'listed',
        '-C',
        '2',
      ]);
      await stays.saw(/x/);
      const reads = () => sonde.log().match(/certificates read/g)?.length ?? 0;
      const before = reads();
      await ca.revoke(file('crl.pem'), pairs.second.cert);
      await waitFor('the list to be read', () => reads() > before);
      expect((await publish(pairs.second)).code).not.toBe(0);
      expect((await publish(pairs.lost)).code).not.toBe(0);
      expect((await publish(pairs.other)).code).toBe(0);
      await stays.exited;
      expect(stays.stdout()).toBe('x\nx\n');
    });
  });

  /** Lengths of the TLS records with application data that a subscriber gets for one message of 20,000 bytes. */
  async function recordsTo(port: number, version: 'TLSv1.2' | 'TLSv1.3'): Promise<readonly number[]> {
    const seen: Buffer[] = [];
    const relay = createServer((near) => {
      const far = tcpConnect(port, '127.0.0.1');
      far.on('data', (bytes) => seen.push(bytes));
      near.pipe(far).pipe(near);
      far.on('error', () => near.destroy());
      near.on('error', () => far.destroy());
    });
    const at = await new Promise<number>((resolve) => {
      relay.listen(0, '127.0.0.1', () => resolve((relay.address() as { port: number }).port));
    });
    const socket = tlsConnect({
      host: 'localhost',
      port: at,
      ca: readFileSync(ca.cert),
      minVersion: version,
      maxVersion: version,
    });
    let length = 0;
    socket.on('data', (bytes) => {
      length += bytes.length;
    });
    // CONNECT of 3.1.1 with an empty client id, SUBSCRIBE to `big`.
    socket.write(Buffer.from('100c00044d5154540402003c0000', 'hex'));
    socket.write(Buffer.from('82080001000362696700', 'hex'));
    await waitFor('the message', () => length > 20_000);
    socket.destroy();
    relay.close();
    const bytes = Buffer.concat(seen);
    const lengths: number[] = [];
    for (let at = 0; at + 5 <= bytes.length; at += 5 + bytes.readUInt16BE(at + 3)) {
      if (bytes[at] === 23) lengths.push(bytes.readUInt16BE(at + 3));
    }
    return lengths;
  }

  it.each(['TLSv1.2', 'TLSv1.3'] as const)(
    'or none: %s records are as small as maxRecordBytes says',
    async (version) => {
      const { cert } = ca;
      const at = ['-h', 'localhost', '-p', String(ports.large), '--cafile', cert];
      const big = 'x'.repeat(20_000);
      expect((await runTool('mosquitto_pub', [...at, '-t', 'big', '-r', '-q', '1', '-m', big])).code).toBe(0);
      // What encryption adds: at most 8 bytes of nonce, 16 of tag, 1 of type. TLS 1.3's handshake has the type of data, too.
      const small = await recordsTo(ports.small, version);
      expect(small.length).toBeGreaterThan(20_000 / 512);
      expect(Math.max(...small.slice(version === 'TLSv1.3' ? 8 : 0))).toBeLessThanOrEqual(512 + 25);
      expect(Math.max(...(await recordsTo(ports.large, version)))).toBeGreaterThan(10_000);
    },
  );
});

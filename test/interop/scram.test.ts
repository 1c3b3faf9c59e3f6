import { readFileSync } from 'node:fs';
import { connect, type IClientOptions, type IConnackPacket, type MqttClient } from 'mqtt';
import type { IAuthPacket } from 'mqtt-packet';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { SCRAM_MECHANISMS, type ScramClient, type ScramMechanism, scramClient } from '../../src/access/index.ts';
import { type RunningSonde, runToEnd, sondeCommand, startSonde, waitFor } from '../tooling/index.ts';

const KEY = 'tempSensors';
const SECRET = 'mySecret-ü';
const CONTINUE = 0x18;
const AGAIN = 0x19;

let sonde: RunningSonde;
const clients: MqttClient[] = [];
beforeAll(async () => {
  sonde = await startSonde({ anonymous: 'none' });
  const args = ['token', 'create', '--key', KEY, '--secret', SECRET, '--data', sonde.dataDir];
  const { code, stderr } = await sondeCommand(args);
  if (code !== 0) throw new Error(stderr);
});
afterAll(() => sonde?.stop());
afterEach(async () => {
  await Promise.all(clients.splice(0).map((client) => client.endAsync(true)));
});

let serial = 0;
const asks = (mechanism: ScramMechanism, secret = SECRET): ScramClient => {
  serial += 1;
  return scramClient(mechanism, KEY, secret, `nonce${serial}`);
};

const noted: (packet: IAuthPacket) => void = () => {};

/** An own client of MQTT.js, by its options and its handler alone. */
async function open(door: 'tcp' | 'websocket', mechanism: ScramMechanism, secret = SECRET) {
  const state = { asker: asks(mechanism, secret), ended: noted };
  const propertiesOf = (authenticationData: Buffer) => ({ authenticationMethod: mechanism.name, authenticationData });
  const options: IClientOptions = {
    protocolVersion: 5,
    reconnectPeriod: 0,
    clientId: `scram-${serial}`,
    properties: propertiesOf(state.asker.first),
  };
  const client = connect(door === 'tcp' ? `mqtt://127.0.0.1:${sonde.mqttPort}` : sonde.wsUrl, options);
  clients.push(client);
  client.handleAuth = (packet, done) => {
    if (packet.reasonCode === 0) {
      state.ended(packet);
      done();
      return;
    }
    state.asker.final(packet.properties?.authenticationData ?? Buffer.alloc(0)).then(
      (final) => setImmediate(done, undefined, { cmd: 'auth', reasonCode: CONTINUE, properties: propertiesOf(final) }),
      (error: Error) => setImmediate(done, error),
    );
  };
  const connack = await new Promise<IConnackPacket>((resolve, reject) => {
    client.once('connect', resolve);
    client.once('error', reject);
  });
  /** AUTH 0x19; MQTT.js has no function of its own for it. */
  const signInAgain = async (): Promise<boolean> => {
    state.asker = asks(mechanism, secret);
    const answered = new Promise<IAuthPacket>((resolve) => {
      state.ended = resolve;
    });
    const raw = client as unknown as { _sendPacket: (packet: IAuthPacket) => void };
    raw._sendPacket({ cmd: 'auth', reasonCode: AGAIN, properties: propertiesOf(state.asker.first) });
    const { properties } = await answered;
    return state.asker.isServer(properties?.authenticationData ?? Buffer.alloc(0));
  };
  const isServer = state.asker.isServer(connack.properties?.authenticationData ?? Buffer.alloc(0));
  return { client, isServer, signInAgain };
}

describe.each(['tcp', 'websocket'] as const)('MQTT.js by SCRAM over %s', (door) => {
  it.each(SCRAM_MECHANISMS)('$name: signs in, publishes, and signs in again in the session', async (mechanism) => {
    const { client, isServer, signInAgain } = await open(door, mechanism);
    expect(isServer).toBe(true);
    const got: string[] = [];
    client.on('message', (_, payload) => got.push(payload.toString()));
    await client.subscribeAsync(`scram/${door}`, { qos: 1 });
    await client.publishAsync(`scram/${door}`, 'before', { qos: 1 });
    expect(await signInAgain()).toBe(true);
    await client.publishAsync(`scram/${door}`, 'after', { qos: 1 });
    await waitFor('both messages', () => got.length === 2);
  });

  it('is refused with a wrong secret: reason 0x86', async () => {
    const [mechanism] = SCRAM_MECHANISMS;
    if (mechanism === undefined) throw new Error('no mechanism');
    await expect(open(door, mechanism, 'another secret')).rejects.toMatchObject({ code: 0x86 });
  });
});

describe('sonde pub and sub --scram', () => {
  const at = () => ['-h', '127.0.0.1', '-p', String(sonde.mqttPort), '-u', KEY];

  it.each([[], ['SCRAM-SHA-512'], ['sha-256']])('%j: publish and read a retained message', async (...mechanism) => {
    const message = ['-t', 'scram/cli', '-m', '22.25', '-r', '-q', '1'];
    expect(await sondeCommand(['pub', ...at(), '-P', SECRET, ...message, '--scram', ...mechanism])).toMatchObject({
      code: 0,
      stderr: '',
    });
    const read = ['-t', 'scram/cli', '-C', '1', '-W', '10', '--scram', ...mechanism];
    expect(await sondeCommand(['sub', ...at(), '-P', SECRET, ...read])).toMatchObject({ code: 0, stdout: '22.25\n' });
  });

  it.each<readonly [string, readonly string[], string]>([
    ['a wrong secret', ['-P', 'wrong', '--scram'], 'refused this user name or password'],
    ['no secret', ['--scram'], '--scram is given without -u and -P'],
    ['another version', ['-P', SECRET, '--scram', '-V', '311'], '--scram needs MQTT 5'],
    ['another mechanism', ['-P', SECRET, '--scram', 'PLAIN'], 'It must be SCRAM-SHA-256 or SCRAM-SHA-512'],
  ])('with %s say so', async (_, args, said) => {
    const { code, stderr } = await sondeCommand(['pub', ...at(), '-t', 'a', '-m', 'x', ...args]);
    expect(code).not.toBe(0);
    expect(stderr).toContain(said);
  });
});

it('runs as docs/authentication.md shows it', async () => {
  const page = readFileSync(new URL('../../docs/authentication.md', import.meta.url), 'utf8');
  const program = /```js\n([\s\S]*?)```/.exec(page)?.[1] ?? '';
  const own = program
    .replace("'KEY', 'SECRET'", `'${KEY}', '${SECRET}'`)
    .replace('mqtt://192.168.1.20', `mqtt://127.0.0.1:${sonde.mqttPort}`);
  expect(own).not.toBe(program);
  const end = "client.on('connect', () => { console.log('connected', client.disconnecting); client.end(); });";
  const result = await runToEnd(process.execPath, ['--input-type=module', '-e', own + end]);
  expect(result).toMatchObject({ code: 0, stdout: 'connected false\n' });
});

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { SCRAM_MECHANISMS, type ScramClient, scramClient, scramMechanism } from '../../src/access/index.ts';
import { type RunningSonde, sondeCommand, startSonde } from '../tooling/index.ts';
import {
  type Client,
  type ConnectSpec,
  clientsOf,
  connectBytes,
  DISCONNECT,
  field,
  PINGREQ,
  packet,
  properties,
  publishBytes,
  subscribeBytes,
  text,
  u32,
} from './client.ts';

const KEY = 'tempSensors';
const SECRET = 'mySecret with spaces';
const OTHER = 'otherSensors';
const READER = 'readOnlyOne';

let sonde: RunningSonde;
const clients = clientsOf(() => sonde.mqttPort);
beforeAll(async () => {
  sonde = await startSonde({ anonymous: 'none' });
  for (const more of [[KEY], [OTHER], [READER, '--read-only']]) {
    await token('create', '--secret', SECRET, '--key', ...more);
  }
});
afterAll(() => sonde?.stop());
afterEach(() => clients.closeAll());

async function token(...args: readonly string[]): Promise<void> {
  const { code, stderr } = await sondeCommand(['token', ...args, '--data', sonde.dataDir]);
  if (code !== 0) throw new Error(stderr);
}

const METHOD = 'SCRAM-SHA-256';
const CONTINUE = 0x18;
const AGAIN = 0x19;

const methodBytes = (method: string) => Buffer.concat([Buffer.of(0x15), text(method)]);
const dataBytes = (data: Uint8Array) => Buffer.concat([Buffer.of(0x16), field(Buffer.from(data))]);
const reasonString = Buffer.concat([Buffer.of(0x1f), text('because')]);
const userProperty = Buffer.concat([Buffer.of(0x26), text('name'), text('value')]);

const auth = (reason: number, ...parts: readonly Buffer[]): Buffer => packet(0xf0, [reason], properties(...parts));
const answer = (data: Uint8Array, method = METHOD): Buffer => auth(CONTINUE, methodBytes(method), dataBytes(data));

let serial = 0;
const scram = (key = KEY, secret = SECRET, method = METHOD): ScramClient => {
  const mechanism = scramMechanism(method);
  if (mechanism === null) throw new Error(`no ${method}`);
  serial += 1;
  return scramClient(mechanism, key, secret, `nonce-of-client-${serial}`);
};

type Start = ConnectSpec & { readonly method?: string; readonly data?: Uint8Array | null; readonly more?: Buffer };

/** Sends a CONNECT with a method; by default with the first message of `asker`. */
async function begin(asker: ScramClient, spec: Start = {}): Promise<Client> {
  const { method = METHOD, data = asker.first, more = Buffer.alloc(0), ...rest } = spec;
  const client = await clients.open();
  const parts = [methodBytes(method), ...(data === null ? [] : [dataBytes(data)]), more];
  client.send(connectBytes({ id: `scram-${serial}`, ...rest, properties: Buffer.concat(parts) }));
  return client;
}

/** Takes the question of the server and gives the answer to it. */
async function answerTo(client: Client, asker: ScramClient, method = METHOD): Promise<Buffer> {
  const question = await client.take('auth');
  expect(question).toMatchObject({ reason: CONTINUE, properties: { authenticationMethod: method } }); // [MQTT-4.12.0-2]
  return answer(await asker.final(question.properties.authenticationData ?? Buffer.alloc(0)), method);
}

/** A whole sign-in. */
async function signIn(spec: Start & { readonly key?: string; readonly secret?: string } = {}) {
  const asker = scram(spec.key, spec.secret, spec.method);
  const client = await begin(asker, spec);
  client.send(await answerTo(client, asker, spec.method));
  const connack = await client.take('connack');
  expect(connack.reason).toBe(0);
  expect(asker.isServer(connack.properties.authenticationData ?? Buffer.alloc(0))).toBe(true);
  return Object.assign(client, { connack });
}

async function signInAgain(client: Client, asker = scram()) {
  client.send(auth(AGAIN, methodBytes(METHOD), dataBytes(asker.first)));
  client.send(await answerTo(client, asker));
  return asker;
}

async function reasonAtEnd(client: Client): Promise<string> {
  const last = (await client.end()).at(-1);
  return last !== undefined && 'reason' in last ? `${last.type} ${last.reason?.toString(16)}` : 'nothing';
}

describe('a sign-in by an authentication method (4.12)', () => {
  it.each(SCRAM_MECHANISMS.map(({ name }) => name))(
    '%s: CONNECT, AUTH, AUTH, CONNACK, each with the method [MQTT-4.12.0-2] [MQTT-4.12.0-3] [MQTT-4.12.0-5]',
    async (method) => {
      const client = await signIn({ method });
      expect(client.connack.properties.authenticationMethod).toBe(method);
      expect(client.connack.properties.receiveMaximum).toBeGreaterThan(0);
      await client.publish('scram/a', '1', { qos: 1 });
      expect(await client.drain()).toEqual([]);
    },
  );

  it('by a method that is not there is refused: CONNACK 0x8c, and closed [MQTT-4.12.0-1]', async () => {
    for (const method of ['SCRAM-SHA-1', 'SCRAM-SHA-256-PLUS', 'scram-sha-256', 'PLAIN', '', '__proto__']) {
      expect(await reasonAtEnd(await begin(scram(), { method }))).toBe('connack 8c');
    }
    expect(sonde.log().replaceAll('\\"', '"')).toContain(
      'there is no authentication method "SCRAM-SHA-1"; known are SCRAM-SHA-256 and SCRAM-SHA-512',
    );
  });

  it('that was not asked for brings no AUTH and no method in CONNACK [MQTT-4.12.0-6]', async () => {
    const client = await clients.connect({ id: 'plain', username: KEY, password: SECRET });
    expect(client.connack.properties.authenticationMethod).toBeUndefined();
    expect(client.connack.properties.authenticationData).toBeUndefined();
    expect(await client.drain()).toEqual([]);
  });

  it('that was not asked for ends with an AUTH of the client: 0x82 [MQTT-4.12.0-7]', async () => {
    for (const reason of [CONTINUE, AGAIN]) {
      const client = await clients.connect({ id: 'plain', username: KEY, password: SECRET });
      client.send(auth(reason, methodBytes(METHOD), dataBytes(scram().first)));
      expect(await reasonAtEnd(client)).toBe('disconnect 82');
    }
  });

  it('is refused at any point: CONNACK, and closed [MQTT-4.12.0-4]', async () => {
    const wrong = scram(KEY, 'another secret');
    const late = await begin(wrong);
    late.send(await answerTo(late, wrong));
    expect(await reasonAtEnd(late)).toBe('connack 86');
    const early = await begin(scram(), { data: Buffer.from('p=tls-exporter,,n=tempSensors,r=abc') });
    expect(await reasonAtEnd(early)).toBe('connack 87');
    const broken = scram();
    const middle = await begin(broken);
    await middle.take('auth');
    middle.send(answer(Buffer.from('nonsense')));
    expect(await reasonAtEnd(middle)).toBe('connack 87');
    expect(sonde.log()).toMatch(
      /SCRAM-SHA-256: wrong secret for the token .*tempSensors.* CONNECT refused|CONNECT refused: .*SCRAM-SHA-256: wrong secret for the token .*tempSensors/,
    );
  });

  it('of a key that nobody has looks like one of a key that somebody has, up to the same refusal', async () => {
    const shapes: string[] = [];
    const salts: string[] = [];
    for (const key of [KEY, 'nobody-here', 'nobody-here']) {
      const asker = scram(key, 'guess');
      const client = await begin(asker);
      const question = await client.take('auth');
      const message = question.properties.authenticationData?.toString() ?? '';
      salts.push(/,s=([^,]*)/.exec(message)?.[1] ?? '');
      shapes.push(message.replace(/^r=[^,]*,s=[^,]*/, (part) => String(part.length - `${serial}`.length)));
      client.send(answer(await asker.final(Buffer.from(message))));
      shapes.push(await reasonAtEnd(client));
    }
    expect(shapes.slice(2, 4)).toEqual(shapes.slice(0, 2));
    expect(salts[1]).toBe(salts[2]);
    expect(salts[0]).not.toBe(salts[1]);
  });

  it.each<readonly [string, () => Buffer]>([
    ['PINGREQ', () => PINGREQ],
    ['PUBLISH', () => publishBytes(5, 'a', 'x')],
    ['SUBSCRIBE', () => subscribeBytes(5, 1, [['#', 0]])],
    ['CONNECT', () => connectBytes({ id: 'second' })],
    ['CONNACK', () => packet(0x20, [0, 0, 0])],
    ['packet of type 0', () => packet(0x00)],
  ])('takes no %s before CONNACK: refused with 0x82 [MQTT-3.1.2-30]', async (_, bytes) => {
    const client = await begin(scram());
    await client.take('auth');
    client.send(bytes());
    expect(await reasonAtEnd(client)).toBe('connack 82');
    // In the same segment as CONNECT it is the same.
    const asker = scram();
    const other = await clients.open();
    other.send(
      connectBytes({ id: 'at-once', properties: Buffer.concat([methodBytes(METHOD), dataBytes(asker.first)]) }),
      bytes(),
    );
    expect(await reasonAtEnd(other)).toBe('connack 82');
  });

  it('may be given up with DISCONNECT, and leaves no session and no will [MQTT-3.1.2-30]', async () => {
    const watcher = await signIn();
    await watcher.subscribe('scram/gone');
    const client = await begin(scram(), { id: 'gives-up', clean: false, will: { topic: 'scram/gone', payload: 'x' } });
    await client.take('auth');
    client.send(DISCONNECT);
    expect(await client.end()).toEqual([]);
    expect(await watcher.drain()).toEqual([]);
    expect((await signIn({ id: 'gives-up', clean: false })).connack.sessionPresent).toBe(false);
  });

  it.each<readonly [string, string, () => Buffer]>([
    ['another method [MQTT-4.12.0-5]', '8c', () => answer(Buffer.from('x'), 'SCRAM-SHA-512')],
    ['no method (3.15.2.2.2)', '82', () => auth(CONTINUE, dataBytes(Buffer.from('x')))],
    ['the reason Success (3.15.2.1)', '82', () => auth(0, methodBytes(METHOD))],
    ['nothing in it, which means Success (3.15.2.1)', '82', () => packet(0xf0)],
    ['the reason Re-authenticate [MQTT-4.12.0-3]', '82', () => auth(AGAIN, methodBytes(METHOD))],
    ['a reason that is not its own [MQTT-3.15.2-1]', '82', () => auth(0x87, methodBytes(METHOD))],
    ['flags [MQTT-3.15.1-1]', '81', () => packet(0xf1, [CONTINUE], properties(methodBytes(METHOD)))],
    ['the method twice (3.15.2.2.2)', '82', () => auth(CONTINUE, methodBytes(METHOD), methodBytes(METHOD))],
    [
      'the data twice (3.15.2.2.3)',
      '82',
      () => auth(CONTINUE, methodBytes(METHOD), dataBytes(Buffer.of(1)), dataBytes(Buffer.of(1))),
    ],
    ['a property of another packet', '81', () => auth(CONTINUE, methodBytes(METHOD), Buffer.of(0x21, 0, 9))],
    [
      'more than an exchange can need',
      '95',
      () => auth(CONTINUE, methodBytes(METHOD), dataBytes(Buffer.alloc(60_000))),
    ],
    ['a SCRAM message beyond its bound', '87', () => answer(Buffer.alloc(2000, 'a'))],
    ['no data', '87', () => auth(CONTINUE, methodBytes(METHOD))],
  ])('ends with an AUTH that has %s: CONNACK 0x%s', async (_, reason, bytes) => {
    const client = await begin(scram());
    await client.take('auth');
    client.send(bytes());
    expect(await reasonAtEnd(client)).toBe(`connack ${reason}`);
  });

  it('takes reason string and user properties in AUTH, and sends none (3.15.2.2.4, 3.15.2.2.5)', async () => {
    const asker = scram();
    const client = await begin(asker, { more: userProperty });
    const question = await client.take('auth');
    expect(Object.keys(question.properties).sort()).toEqual(['authenticationData', 'authenticationMethod']);
    const final = await asker.final(question.properties.authenticationData ?? Buffer.alloc(0));
    client.send(auth(CONTINUE, userProperty, reasonString, dataBytes(final), userProperty, methodBytes(METHOD)));
    expect((await client.take('connack')).reason).toBe(0);
  });

  it('asks for the first message where CONNECT had no data (RFC 4422, 5.1), and its bytes may come one by one', async () => {
    const asker = scram();
    const client = await begin(asker, { data: null });
    const question = await client.take('auth');
    expect(question).toMatchObject({ reason: CONTINUE, properties: { authenticationMethod: METHOD } });
    expect(question.properties.authenticationData).toBeUndefined();
    await client.sendSlowly(answer(asker.first));
    await client.sendSlowly(await answerTo(client, asker));
    expect((await client.take('connack')).reason).toBe(0);
  });

  it('with data and no method is a protocol error (3.1.2.11.10)', async () => {
    const client = await clients.open();
    client.send(connectBytes({ properties: dataBytes(Buffer.of(1)) }));
    expect(await reasonAtEnd(client)).toBe('connack 82');
  });

  it('with a user name in CONNECT: the same key or none, not another; a password is not looked at', async () => {
    await signIn({ username: KEY, password: 'not looked at' });
    await signIn({ username: '' });
    expect(await reasonAtEnd(await begin(scram(), { username: OTHER }))).toBe('connack 86');
  });

  it('tells the client id that it assigns, and works on a session, as any sign-in', async () => {
    expect((await signIn({ id: '' })).connack.properties.assignedClientIdentifier).toMatch(/./);
    const expiry = Buffer.from([0x11, ...u32(600)]);
    const first = await signIn({ id: 'stays', clean: false, more: expiry });
    await first.subscribe('scram/stays', 1);
    first.destroy();
    const publisher = await clients.connect({ id: 'by-password', username: KEY, password: SECRET });
    await publisher.publish('scram/stays', 'x', { qos: 1 });
    // The same principal, however it signs in.
    const again = await signIn({ id: 'stays', clean: false, more: expiry });
    expect(again.connack.sessionPresent).toBe(true);
    expect((await again.take('publish')).topic).toBe('scram/stays');
  });

  it('gives the rights of the token, the same as its password', async () => {
    const reader = await signIn({ key: READER });
    await reader.subscribe('scram/rights', 1);
    reader.send(publishBytes(5, 'scram/rights', 'x', { qos: 1 }));
    expect((await reader.take('puback')).reason).toBe(0x87);
    const writer = await signIn();
    await writer.publish('scram/rights', 'x', { qos: 1 });
    expect((await reader.take('publish')).payload.toString()).toBe('x');
  });

  it('asks nothing that the client cannot take: 0x95 [MQTT-3.1.2-24]', async () => {
    const client = await begin(scram(), { more: Buffer.from([0x27, ...u32(30)]) });
    expect(await reasonAtEnd(client)).toBe('connack 95');
  });

  it('that is not gone on with is over after its time, and holds nothing up', { timeout: 40_000 }, async () => {
    const asker = scram();
    const silent = await begin(asker);
    await silent.take('auth');
    await signIn();
    expect(await silent.end(20_000)).toEqual([]);
    expect(sonde.log()).toContain('its sign-in was not done in time');
  });

  it('leaves no secret in the token file or the log', async () => {
    await signIn();
    expect(sonde.log()).not.toContain(SECRET);
    const file = readFileSync(join(sonde.dataDir, 'tokens.json'), 'utf8');
    expect(file).toContain(METHOD);
    expect(file).not.toContain(SECRET);
  });
});

describe('re-authentication (4.12.1)', () => {
  it('by AUTH 0x19 ends with AUTH Success, as often as one likes, and messages flow on meanwhile', async () => {
    const client = await signIn();
    await client.subscribe('scram/flow', 1);
    for (let n = 0; n < 3; n++) {
      const asker = scram();
      client.send(auth(AGAIN, methodBytes(METHOD), dataBytes(asker.first)));
      const question = await client.take('auth');
      client.send(publishBytes(5, 'scram/flow', 'meanwhile', { qos: 1, id: 7 }));
      expect((await client.take('publish')).payload.toString()).toBe('meanwhile');
      await client.take('puback');
      client.send(answer(await asker.final(question.properties.authenticationData ?? Buffer.alloc(0))));
      const success = await client.take('auth');
      expect(success).toMatchObject({ reason: 0, properties: { authenticationMethod: METHOD } }); // [MQTT-4.12.0-5]
      expect(asker.isServer(success.properties.authenticationData ?? Buffer.alloc(0))).toBe(true);
    }
    expect(await client.drain()).toEqual([]);
  });

  it('with another method than in CONNECT: DISCONNECT 0x8c [MQTT-4.12.1-1]', async () => {
    const client = await signIn();
    client.send(auth(AGAIN, methodBytes('SCRAM-SHA-512'), dataBytes(scram().first)));
    expect(await reasonAtEnd(client)).toBe('disconnect 8c');
  });

  it('that fails: DISCONNECT 0x87, and the will is sent [MQTT-4.12.1-2]', async () => {
    const watcher = await signIn();
    await watcher.subscribe('scram/will');
    const client = await signIn({ will: { topic: 'scram/will', payload: 'gone' } });
    await signInAgain(client, scram(KEY, 'another secret'));
    const last = (await client.end()).at(-1);
    // Which of name and secret was wrong is for the log alone.
    expect(last).toMatchObject({ reason: 0x87, properties: { reasonString: 're-authentication refused' } });
    expect((await watcher.take('publish')).payload.toString()).toBe('gone');
    expect(sonde.log()).toContain('re-authentication refused: SCRAM-SHA-256: wrong secret');
  });

  it('as somebody else: DISCONNECT 0x87, although the secret is right [MQTT-4.12.1-2]', async () => {
    const client = await signIn();
    await signInAgain(client, scram(OTHER));
    expect(await reasonAtEnd(client)).toBe('disconnect 87');
    expect(sonde.log()).toContain('re-authentication as otherSensors in a session of tempSensors');
  });

  it.each<readonly [string, string, () => readonly Buffer[]]>([
    ['an answer that nobody asked for', '82', () => [answer(scram().first)]],
    ['Success, which a server sends', '82', () => [auth(0, methodBytes(METHOD))]],
    [
      'a second beginning while one is under way',
      '82',
      () => [0, 1].map(() => auth(AGAIN, methodBytes(METHOD), dataBytes(scram().first))),
    ],
    ['a beginning that is no SCRAM message', '87', () => [auth(AGAIN, methodBytes(METHOD), dataBytes(Buffer.of(1)))]],
    ['no method (3.15.2.2.2)', '82', () => [auth(AGAIN)]],
  ])('with %s: DISCONNECT 0x%s', async (_, reason, packets) => {
    const client = await signIn();
    client.send(...packets());
    expect(await reasonAtEnd(client)).toBe(`disconnect ${reason}`);
  });

  it('that is not gone on with: DISCONNECT 0x87 after its time [MQTT-4.12.1-2]', { timeout: 40_000 }, async () => {
    const client = await signIn();
    client.send(auth(AGAIN, methodBytes(METHOD), dataBytes(scram().first)));
    await client.take('auth');
    expect((await client.end(20_000)).at(-1)).toMatchObject({ type: 'disconnect', reason: 0x87 });
  });
});

it('a token that is revoked ends its sessions by SCRAM too: DISCONNECT 0x98', async () => {
  await token('create', '--key', 'shortLived', '--secret', SECRET);
  const client = await signIn({ key: 'shortLived' });
  const asker = scram('shortLived');
  const between = await begin(asker, { id: 'between' });
  const final = await answerTo(between, asker);
  await token('revoke', 'shortLived');
  between.send(final);
  expect(await reasonAtEnd(between)).toBe('connack 86');
  expect(await reasonAtEnd(client)).toBe('disconnect 98');
});

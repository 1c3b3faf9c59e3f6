import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { type RunningSonde, sondeCommand, startSonde, waitFor } from '../tooling/index.ts';
import { type Client, clientsOf, LEVELS, properties, publishBytes, subscribeBytes } from './client.ts';

const NOT_AUTHORIZED = 0x87;

let sonde: RunningSonde;
let port: number;
const clients = clientsOf(() => port);
beforeAll(async () => {
  sonde = await startSonde({ env: { SONDE_SYS_INTERVAL_SECONDS: '1' } });
});
afterAll(() => sonde?.stop());
afterEach(() => clients.closeAll());
const here = () => {
  port = sonde.mqttPort;
};

type Value = {
  readonly topic: string;
  readonly value: string;
  readonly retain: boolean;
  readonly identifiers: unknown;
};

async function values(client: Client): Promise<Value[]> {
  return (await client.drain()).map((packet) => {
    if (packet.type !== 'publish') throw new Error(`unexpected: ${JSON.stringify(packet)}`);
    const { topic, retain, payload } = packet;
    return { topic, retain, value: payload.toString(), identifiers: packet.properties.subscriptionIdentifiers };
  });
}

/** The next round, whole. */
async function nextRound(client: Client): Promise<Value[]> {
  let found: Value[] = [];
  await waitFor('the next round', async () => {
    found = await values(client);
    return found.length > 0;
  });
  return [...found, ...(await values(client))];
}

describe('$SYS', () => {
  it.each(LEVELS)(
    '$SYS/# of level %i gets all that stands at once, as retained [MQTT-3.3.1-9, MQTT3-3.3.1-8]',
    async (level) => {
      here();
      const client = await clients.connect({ level, id: `reader-${level}` });
      expect(await client.subscribe('$SYS/#', 1)).toBe(0);
      const all = await values(client);
      // A round may come between: what stood at once is what came first of each topic.
      const found = all.filter(({ topic }, at) => all.findIndex((other) => other.topic === topic) === at);
      expect(found.every(({ topic, retain }) => retain && topic.startsWith('$SYS/broker/'))).toBe(true);
      const by = new Map(found.map(({ topic, value }) => [topic.slice('$SYS/broker/'.length), value]));
      expect(by.get('version')).toMatch(/^sonde version \d+\.\d+\.\d+/);
      expect(by.get('uptime')).toMatch(/^\d+ seconds$/);
      expect(Number(by.get('clients/connected'))).toBeGreaterThanOrEqual(1);
      expect(by.get('load/bytes/received/15min')).toMatch(/^\d+\.\d\d$/);
      expect(Number(by.get('heap/current'))).toBeGreaterThan(1e6);
      expect(all.filter(({ retain }) => retain)).toHaveLength(found.length);
    },
  );

  it('no wildcard at the front matches it [MQTT-4.7.2-1, MQTT3-4.7.2-1]', async () => {
    here();
    const others = await clients.connect();
    for (const filter of ['#', '+/#', '+/broker/#', '+/broker/uptime']) await others.subscribe(filter);
    await others.drain();
    const reader = await clients.connect();
    await reader.subscribe('$SYS/broker/uptime');
    await values(reader);
    for (let round = 0; round < 2; round++) {
      const found = await nextRound(reader);
      expect(found.map(({ topic, retain }) => [topic, retain])).toContainEqual(['$SYS/broker/uptime', false]);
    }
    expect(await others.drain()).toEqual([]);
  });

  it('is refused to publishers, retained or not', async () => {
    here();
    const client = await clients.connect();
    for (const topic of ['$SYS/broker/uptime', '$SYS/broker/own', '$SYS']) {
      for (const retain of [false, true]) {
        client.send(publishBytes(5, topic, 'forged', { qos: 1, retain }));
        expect((await client.take('puback')).reason).toBe(NOT_AUTHORIZED);
      }
    }
    await client.subscribe('$SYS/#');
    expect((await values(client)).filter(({ value }) => value === 'forged')).toEqual([]);
  });

  it('carries the identifiers of all subscriptions that match [MQTT-3.3.4-3, 4]', async () => {
    here();
    const client = await clients.connect();
    await client.subscribe('$SYS/broker/+', 0, properties([0x0b, 7]).subarray(1));
    await values(client);
    await client.subscribe('$SYS/broker/uptime', 0, properties([0x0b, 9]).subarray(1));
    await values(client);
    const uptime = (await nextRound(client)).filter(({ topic }) => topic === '$SYS/broker/uptime');
    expect(uptime[0]?.identifiers).toEqual([7, 9]);
  });

  it('obeys Retain Handling [MQTT-3.3.1-10, 11]', async () => {
    here();
    const client = await clients.connect();
    const ifNew = 1 << 4;
    const never = 2 << 4;
    await client.subscribe('$SYS/broker/version', never);
    expect(await values(client)).toEqual([]);
    await client.subscribe('$SYS/broker/version', ifNew);
    expect(await values(client)).toEqual([]);
    await client.subscribe('$SYS/+/version', ifNew);
    expect(await values(client)).toHaveLength(1);
    await client.subscribe('$SYS/+/version');
    expect(await values(client)).toHaveLength(1);
  });

  it('stays subscribed to with the session [MQTT3-3.1.2-4]', async () => {
    here();
    const session = { level: 4, id: 'monitor', clean: false } as const;
    const before = await clients.connect(session);
    await before.subscribe('$SYS/broker/uptime');
    before.destroy();
    const after = await clients.connect(session);
    expect(after.connack.sessionPresent).toBe(true);
    expect((await nextRound(after))[0]).toMatchObject({ topic: '$SYS/broker/uptime', retain: false });
    const afresh = await clients.connect({ ...session, clean: true });
    const reader = await clients.connect();
    await reader.subscribe('$SYS/broker/uptime', 2 << 4);
    await nextRound(reader);
    expect(await values(afresh)).toEqual([]);
  });

  it('has room for 64 filters of a connection; one more is told so: 0x97 (MQTT 5.0, 3.9.3)', async () => {
    here();
    const client = await clients.connect({ id: 'sys-many' });
    for (let n = 0; n < 64; n++) expect(await client.subscribe(`$SYS/many/${n}`)).toBe(0);
    expect(await client.subscribe('$SYS/many/64')).toBe(0x97);
    expect(await client.subscribe('$SYS/many/3')).toBe(0);
  });

  it('SUBSCRIBE and DISCONNECT in one write harm nobody', async () => {
    here();
    const hasty = await clients.connect({ level: 4 });
    hasty.send(subscribeBytes(4, 1, [['$SYS/#', 0]]), Buffer.of(0xe0, 0));
    expect((await hasty.end()).map(({ type }) => type)).toEqual(['suback']);
    const next = await clients.connect();
    expect(await next.subscribe('$SYS/#')).toBe(0);
  });
});

describe('with rules', () => {
  let guarded: RunningSonde;
  let folder: string;
  const secrets = new Map<string, string>();
  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'sonde-sys-'));
    const file = join(folder, 'sonde.yaml');
    writeFileSync(
      file,
      `sysIntervalSeconds: 1
rules:
  - { token: wide-reader, subscribe: ["#", "+/broker/#"] }
  - { token: clients-only, subscribe: ["$SYS/broker/clients/#"] }
`,
    );
    const dataDir = join(folder, 'data');
    for (const key of ['wide-reader', 'clients-only', 'free-token']) {
      const made = await sondeCommand([
        'token',
        'create',
        '--data',
        dataDir,
        '--key',
        key,
        '--secret',
        `${key}-secret`,
      ]);
      expect(made).toMatchObject({ code: 0 });
      secrets.set(key, `${key}-secret`);
    }
    guarded = await startSonde({ dataDir, args: ['--config', file] });
  });
  afterAll(async () => {
    await guarded?.stop();
    rmSync(folder, { recursive: true, force: true, maxRetries: 5, retryDelay: 200 });
  });
  const as = (key: string) => {
    port = guarded.mqttPort;
    return clients.connect({ username: key, password: secrets.get(key) ?? '' });
  };

  it('a rule for ordinary topics shows nothing of it', async () => {
    const client = await as('wide-reader');
    expect(await client.subscribe('$SYS/#')).toBe(NOT_AUTHORIZED);
    expect(await client.drain()).toEqual([]);
  });

  it('a rule that names topics of it shows these', async () => {
    const client = await as('clients-only');
    expect(await client.subscribe('$SYS/#')).toBe(0);
    const found = await values(client);
    expect(found.length).toBeGreaterThan(0);
    expect(found.filter(({ topic }) => !topic.startsWith('$SYS/broker/clients/'))).toEqual([]);
  });

  it('a token that no rule narrows owns the server and sees all', async () => {
    const client = await as('free-token');
    await client.subscribe('$SYS/#');
    expect((await values(client)).map(({ topic }) => topic)).toContain('$SYS/broker/heap/current');
  });
});

describe('with an interval of 0', () => {
  let off: RunningSonde;
  beforeAll(async () => {
    off = await startSonde({ env: { SONDE_SYS_INTERVAL_SECONDS: '0' } });
  });
  afterAll(() => off?.stop());

  it('there is nothing under it, and it stays the server’s own', async () => {
    port = off.mqttPort;
    const client = await clients.connect();
    expect(await client.subscribe('$SYS/#')).toBe(0);
    client.send(publishBytes(5, '$SYS/broker/uptime', 'forged', { qos: 1 }));
    expect((await client.take('puback')).reason).toBe(NOT_AUTHORIZED);
    expect(await client.drain()).toEqual([]);
  });
});

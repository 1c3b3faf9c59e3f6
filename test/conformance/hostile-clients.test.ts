import { chmodSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { type RunningSonde, sondeCommand, startSonde, waitFor } from '../tooling/index.ts';
import { type Canary, residentMiB, startCanary } from './canary.ts';
import {
  ackBytes,
  type Client,
  clientsOf,
  connectBytes,
  type Level,
  PINGREQ,
  packet,
  publishBytes,
  subscribeBytes,
  text,
} from './client.ts';

/** Clients that break no packet and still mean harm: names, take-over, slowness, floods. */
describe('hostile clients', () => {
  let sonde: RunningSonde;
  let canary: Canary;
  let atRestMiB = 0;
  const clients = clientsOf(() => sonde.mqttPort);
  /** The machine that tests is busy: what others may cost the canary at most. */
  const DISTURBANCE_MS = 2000;
  const GROWTH_MIB = 250;

  beforeAll(async () => {
    sonde = await startSonde({ args: ['--limit', 'connectTimeoutS=2'] });
    canary = await startCanary(sonde.mqttPort);
    await canary.worstMs();
    atRestMiB = await residentMiB(sonde.pid, sonde.url);
  });
  afterAll(async () => {
    await canary?.stop();
    await sonde?.stop();
    expect(sonde.log()).not.toMatch(/uncaught|unhandled|^\s+at /im);
  });
  afterEach(async () => {
    clients.closeAll();
    expect(await canary.worstMs()).toBeLessThan(DISTURBANCE_MS);
    expect(await grownMiB()).toBeLessThan(GROWTH_MIB);
  });

  const grownMiB = async () => (await residentMiB(sonde.pid, sonde.url)) - atRestMiB;
  let serial = 0;
  const connect = (level: Level = 5, spec: Parameters<typeof clients.connect>[0] = {}): Promise<Client> => {
    serial += 1;
    return clients.connect({ level, id: `rude-${serial}`, ...spec });
  };

  describe('class 9: topics with $', () => {
    it.each(['#', '+/#', '+', '+/+'])('%s shows nothing that begins with $', async (filter) => {
      const watcher = await connect();
      await watcher.subscribe(filter);
      await watcher.drain();
      const from = await connect();
      for (const topic of ['$device/a', '$', '$x', '$SYSTEM', '$sonde-ish/a'])
        await from.publish(topic, 'x', { retain: true });
      const names = (await watcher.drain()).flatMap((each) => (each.type === 'publish' ? [each.topic] : []));
      expect(names.filter((name) => name.startsWith('$'))).toEqual([]);
      const late = await connect();
      await late.subscribe(filter);
      const kept = (await late.drain()).flatMap((each) => (each.type === 'publish' ? [each.topic] : []));
      expect(kept.filter((name) => name.startsWith('$'))).toEqual([]);
    });

    it("$SYS, $share and $sonde are nobody's to publish, by any door: PUBLISH, alias, will, REST", async () => {
      const watcher = await connect();
      for (const filter of ['$SYS/a', '$SYS', '$sonde/x']) await watcher.subscribe(filter);
      await watcher.drain();
      const from = await connect();
      from.send(publishBytes(5, '$SYS/a', 'x', { qos: 1, id: 1, properties: [0x23, 0, 1] }));
      expect(await from.take('puback')).toMatchObject({ reason: 0x87 });
      from.send(publishBytes(5, '', 'x', { qos: 1, id: 2, properties: [0x23, 0, 1] }));
      expect(await from.take('puback')).toMatchObject({ reason: 0x87 });
      const response = await fetch(`${sonde.url}/api/v1/publish`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({ topic: '$SYS/a', payload: 'x', qos: 0, retain: false }),
      });
      expect(response.status).toBe(403);
      expect(await watcher.drain()).toEqual([]);
    });

    it.each(['$share', '$share/', '$share/g', '$share/g/', '$share//a', '$share/+/a', '$share/#', '$share/g/#/a'])(
      'the shared filter %s is refused, and the client stays',
      async (filter) => {
        const client = await connect();
        client.send(subscribeBytes(5, 1, [[filter, 0]]), PINGREQ);
        const answer = await client.anything();
        if (answer?.type === 'suback') {
          expect(answer.reasons[0]).toBeGreaterThanOrEqual(0x80);
        } else expect(answer).toMatchObject({ type: 'disconnect' });
      },
    );
  });

  describe('class 13: slow clients', () => {
    it('sockets that say nothing, and a CONNECT of a byte a second, are closed after the time for CONNECT', async () => {
      const silent = await Promise.all(Array.from({ length: 200 }, () => clients.open(4)));
      const slow = await clients.open(4);
      const bytes = connectBytes({ level: 4, id: 'a-byte-a-second' });
      let sent = 0;
      const dribble = setInterval(() => slow.send(bytes.subarray(sent, ++sent)), 300);
      try {
        for (const client of [...silent, slow]) expect(await client.endBytes(8000)).toHaveLength(0);
      } finally {
        clearInterval(dribble);
      }
      await waitFor('the log line', () => /no CONNECT in time/.test(sonde.log()));
    });

    it('the longest keep-alive there is keeps an unauthenticated socket no longer than the time for CONNECT', async () => {
      const bytes = connectBytes({ level: 4, id: 'slowite', keepAlive: 65_535 });
      const all = await Promise.all(Array.from({ length: 200 }, () => clients.open(4)));
      for (const client of all) client.send(bytes.subarray(0, -1)); // all but its last byte
      for (const client of all) expect(await client.endBytes(8000)).toHaveLength(0);
      const whole = await clients.open(4);
      whole.send(bytes);
      expect(await whole.take('connack')).toMatchObject({ reason: 0 });
    });

    it('half-open sockets are closed in both directions', async () => {
      const client = await connect(4);
      client.socket.end();
      await client.endBytes();
      await waitFor('the session to be gone', async () => !(await clientIds()).includes(`rude-${serial}`));
    });

    it('one that asks without end and never reads is read no more, at its bound; once it reads it gets every answer', async () => {
      const pings = Buffer.alloc(1024 * 1024, PINGREQ);
      const megabytes = 30;
      const all = await Promise.all(Array.from({ length: 5 }, () => connect(4)));
      for (const client of all) {
        client.socket.pause();
        for (let n = 0; n < megabytes; n++) client.socket.write(pings);
      }
      let before = -1;
      await waitFor('them to be read no more', async () => {
        const now = await received('rude');
        const isStill = now === before;
        before = now;
        await new Promise((resolve) => setTimeout(resolve, 250));
        return isStill;
      });
      expect(before).toBeLessThan(all.length * megabytes * 1024 * 1024);
      expect(await grownMiB()).toBeLessThan(100);
      const [one] = all as [Client];
      let answered = 0;
      one.socket.removeAllListeners('data').on('data', (chunk: Buffer) => {
        answered += chunk.length;
      });
      one.socket.resume();
      await waitFor('every answer', () => answered === megabytes * 1024 * 1024);
    }, 60_000);

    it('one that publishes at QoS 1 faster than it reads gets all its answers, in order', async () => {
      const client = await connect(4);
      client.socket.pause();
      const count = 100_000;
      for (let n = 0; n < count; n++)
        client.socket.write(publishBytes(4, 'unread', '', { qos: 1, id: (n % 60_000) + 1 }));
      client.socket.resume();
      for (let n = 0; n < count; n++) expect((await client.take('puback')).packetId).toBe((n % 60_000) + 1);
    }, 60_000);

    it('one that subscribes to all and never reads holds nobody up for long; what it does not take is counted', async () => {
      const sink = await connect(4, { id: 'never-reads' });
      await sink.subscribe('flood/#');
      sink.socket.pause();
      const from = await connect(4);
      const payload = Buffer.alloc(10_000, 'x');
      for (let n = 0; n < 4000; n++) from.socket.write(publishBytes(4, 'flood/a', payload)); // 40 MB
      await from.drain(20_000); // it is let go on after the time that a stalled receiver may take
      expect(await grownMiB()).toBeLessThan(120);
      await waitFor('the drops to be counted', async () => (await clientInfo('never-reads')).dropped > 1000);
      // Once it reads it is served again.
      sink.socket.resume();
      await sink.drain(10_000);
      await from.publish('flood/again', 'x');
      expect(await sink.drain()).toMatchObject([{ type: 'publish', topic: 'flood/again' }]);
    }, 60_000);

    it('one that reads a little now and then holds others up less each time', async () => {
      const sink = await connect(4, { id: 'now-and-then' });
      await sink.subscribe('trickle/#');
      sink.socket.removeAllListeners('data').on('data', () => {});
      const beside = await startCanary(sonde.mqttPort, 'trickle');
      const from = await connect(4);
      const payload = Buffer.alloc(10_000, 'x');
      const flood = setInterval(() => {
        if (from.socket.writableLength > 1_000_000) return;
        for (let n = 0; n < 50; n++) from.socket.write(publishBytes(4, 'trickle/a', payload));
      }, 10);
      const heldMs: number[] = [];
      try {
        for (let round = 0; round < 4; round++) {
          const before = (await clientInfo('now-and-then')).dropped;
          await beside.worstMs();
          sink.socket.pause();
          await waitFor('the next stall', async () => (await clientInfo('now-and-then')).dropped > before);
          heldMs.push(await beside.worstMs());
          sink.socket.resume();
          await waitFor('it to catch up', async () => {
            const { dropped } = await clientInfo('now-and-then');
            await new Promise((resolve) => setTimeout(resolve, 50));
            return (await clientInfo('now-and-then')).dropped === dropped;
          });
        }
      } finally {
        clearInterval(flood);
        await beside.stop();
      }
      expect(heldMs[0]).toBeGreaterThan(1000);
      expect(heldMs[3]).toBeLessThan(1000);
    }, 60_000);

    it('one that never acknowledges has its window full, its queue bounded, and others are not slowed', async () => {
      const lazy = await connect(4, { id: 'never-acks' });
      await lazy.subscribe('lazy/#', 1);
      const from = await connect(4);
      for (let n = 0; n < 20_000; n++)
        from.socket.write(publishBytes(4, 'lazy/a', 'x'.repeat(100), { qos: 1, id: (n % 60_000) + 1 }));
      expect((await from.drain(20_000)).length).toBe(20_000);
      const { inFlight } = await clientInfo('never-acks');
      expect(inFlight).toBeLessThanOrEqual(1000);
    });

    it('what waits for one that is away is bounded by its bytes, topics and properties too', async () => {
      const spec = { id: 'away', clean: false, properties: [0x11, 0, 0, 1, 0] };
      const away = await connect(5, spec);
      await away.subscribe('away/#', 1);
      away.destroy();
      await waitFor('it to be away', async () => !(await clientInfo('away')).connected);
      const from = await connect(5);
      const properties = Buffer.concat([Buffer.of(0x26), text('k'), text('v'.repeat(60_000))]);
      for (let n = 0; n < 1600; n++) {
        from.socket.write(publishBytes(5, `away/${n % 10}`, '', { qos: 1, id: 1 + (n % 1000), properties })); // 96 MB
        if (n % 400 === 399) await from.drain(10_000);
      }
      expect((await clientInfo('away')).dropped).toBeGreaterThan(300);
      await connect(5, { id: 'away', clean: true });
    }, 60_000);
  });

  describe('class 14: take-over storms', () => {
    it('of twenty sockets under one client id, while it publishes and subscribes: one is left, and it works', async () => {
      const rounds = Array.from({ length: 20 }, async () => {
        for (let n = 0; n < 15; n++) {
          const client = await clients.open(4);
          client.send(
            connectBytes({
              level: 4,
              id: 'contested',
              clean: n % 2 === 0,
              will: { topic: 'contested/will', payload: 'w' },
            }),
            subscribeBytes(4, 1, [['contested/#', 1]]),
            publishBytes(4, 'contested/a', 'x', { qos: 1, id: 1 }),
            publishBytes(4, 'contested/b', 'y', { qos: 2, id: 2 }),
          );
        }
      });
      await Promise.all(rounds);
      const last = await connect(4, { id: 'contested' });
      await last.subscribe('contested/#', 0);
      await last.drain();
      expect((await clientIds()).filter((id) => id === 'contested')).toHaveLength(1);
      const from = await connect(4);
      await from.publish('contested/last', 'z');
      expect(await last.drain()).toMatchObject([{ type: 'publish', topic: 'contested/last' }]);
    });

    it('subscribing and unsubscribing without end, while others publish, changes nothing for them', async () => {
      const fickle = await connect(4);
      const steady = await connect(4);
      await steady.subscribe('churn/#');
      const from = await connect(4);
      for (let n = 0; n < 2000; n++) {
        fickle.send(
          subscribeBytes(4, 1, [[`churn/${n % 7}`, n % 3]]),
          packet(0xa2, [0, 2], text(`churn/${(n + 3) % 7}`)),
        );
        from.send(publishBytes(4, `churn/${n % 7}`, String(n)));
      }
      await from.drain();
      const got = (await steady.drain()).map((each) => each.type === 'publish' && each.payload.toString());
      expect(got).toEqual(Array.from({ length: 2000 }, (_, n) => String(n)));
    });

    it('connections that come and go by the thousand leave nothing behind', async () => {
      for (let round = 0; round < 20; round++) {
        const all = await Promise.all(Array.from({ length: 50 }, () => clients.open(4)));
        for (const [n, client] of all.entries()) {
          client.send(connectBytes({ level: 4, id: `gone-${n}` }), subscribeBytes(4, 1, [[`gone/${n}/#`, 1]]));
          client.destroy();
        }
      }
      await waitFor('all to be gone', async () => (await clientIds()).every((id) => !id.startsWith('gone-')));
    });
  });

  describe('class 17: what JavaScript makes of names', () => {
    const names = ['__proto__', 'constructor', 'prototype', 'hasOwnProperty', 'toString', 'then', 'length'];
    it.each(names)('%s is a client id, a topic, a level, a user property like any other', async (name) => {
      const client = await connect(5, { id: name });
      await client.subscribe(`${name}/${name}/#`, 1);
      await client.subscribe(name, 0);
      const from = await connect(5);
      const properties = Buffer.concat([Buffer.of(0x26), text(name), text(name)]);
      await from.publish(`${name}/${name}`, '{"__proto__":{"x":1}}', { qos: 1, retain: true, properties });
      await from.publish(name, name, { retain: true });
      const got = await client.drain();
      expect(got).toMatchObject([
        { type: 'publish', topic: `${name}/${name}`, properties: { userProperties: [[name, name]] } },
        { type: 'publish', topic: name },
      ]);
      expect(await clientIds()).toContain(name);
      const topics = await fetch(`${sonde.url}/api/v1/topics?topic=${encodeURIComponent(`${name}/#`)}`);
      expect(topics.status).toBe(200);
      expect(await topics.text()).toContain(`${name}/${name}`);
      expect(({} as Record<string, unknown>)['x']).toBeUndefined();
    });

    it('a client id with line breaks and colours forges no log line', async () => {
      const id = 'evil\n12:00:00 info  all is well\u001b[2J';
      const client = await connect(4, { id });
      client.send(packet(0x36, [0, 1, 0x61, 0, 1]));
      await client.end();
      await waitFor('its log line', () => sonde.log().includes('evil'));
      expect(sonde.log()).not.toMatch(/^12:00:00 info {2}all is well/m);
      expect(sonde.log()).not.toContain('\u001b[2J');
    });

    it('a name of 64 KB makes no log line of 64 KB, and a flood of refusals no flood of lines', async () => {
      const client = await connect(5, { id: `long-${'x'.repeat(60_000)}` });
      const filters = Array.from({ length: 20_000 }, (_, n) => [`bad#${n}`, 0] as const);
      client.send(subscribeBytes(5, 1, filters));
      expect((await client.take('suback')).reasons).toHaveLength(20_000);
      for (let n = 0; n < 5000; n++) client.send(publishBytes(5, '$SYS/x', 'x'));
      await client.drain(10_000);
      client.send(packet(0x36, [0, 1, 0x61, 0, 1]));
      await client.end();
      const lines = sonde
        .log()
        .split('\n')
        .filter((line) => line.includes('long-'));
      expect(lines.length).toBeGreaterThan(1);
      expect(lines.length).toBeLessThan(50);
      expect(Math.max(...lines.map((line) => line.length))).toBeLessThan(3000);
    });

    it('every acknowledgement, of thousands, without recursion', async () => {
      const client = await connect(4);
      const all = Buffer.concat(
        Array.from({ length: 50_000 }, (_, n) =>
          Buffer.concat([publishBytes(4, 'deep', '', { qos: 2, id: n + 1 }), ackBytes('pubrel', n + 1)]),
        ),
      );
      client.send(all);
      expect(await client.drain(20_000)).toHaveLength(100_000);
    });
  });

  async function clientIds(): Promise<readonly string[]> {
    const { clients: all } = (await (await fetch(`${sonde.url}/api/v1/clients`)).json()) as {
      clients: { clientId: string }[];
    };
    return all.map(({ clientId }) => clientId);
  }

  type Info = { clientId: string; connected: boolean; dropped: number; inFlight: number; queued: number };
  async function clientInfo(id: string): Promise<Info> {
    const { clients: all } = (await (await fetch(`${sonde.url}/api/v1/clients`)).json()) as { clients: Info[] };
    const found = all.find(({ clientId }) => clientId === id);
    if (!found) throw new Error(`no client ${id}`);
    return found;
  }

  /** Bytes that came from clients whose id begins so. */
  async function received(prefix: string): Promise<number> {
    const { clients: all } = (await (await fetch(`${sonde.url}/api/v1/clients`)).json()) as {
      clients: { clientId: string; bytesIn: number }[];
    };
    return all.filter(({ clientId }) => clientId.startsWith(prefix)).reduce((sum, { bytesIn }) => sum + bytesIn, 0);
  }
});

describe('class 13: more sockets than there is room for', () => {
  const clients = clientsOf(() => sonde.mqttPort);
  let sonde: RunningSonde;
  beforeAll(async () => {
    sonde = await startSonde({ args: ['--limit', 'maxConnections=50'] });
  });
  afterAll(() => sonde?.stop());
  afterEach(() => clients.closeAll());

  it('are closed at once, those who are in stay, and there is room again when some go', async () => {
    const known = await clients.connect({ level: 4, id: 'known' });
    const idle = await Promise.all(Array.from({ length: 49 }, () => clients.open(4)));
    const late = await clients.open(4);
    late.send(connectBytes({ level: 4, id: 'late' }));
    expect(await late.endBytes()).toHaveLength(0);
    expect(await known.drain()).toEqual([]);
    for (const client of idle) client.destroy();
    await waitFor('room', async () => {
      const next = await clients.open(4);
      next.send(connectBytes({ level: 4, id: 'next' }));
      return (await next.anything())?.type === 'connack';
    });
    expect(sonde.log()).toMatch(/the limit of connections is reached/);
  });
});

describe('hostile names before the rules', () => {
  let sonde: RunningSonde;
  let folder: string;
  const clients = clientsOf(() => sonde.mqttPort);
  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'sonde-rules-'));
    const file = join(folder, 'sonde.yaml');
    const rules = [{ anonymous: true, publish: ['own/%c/#'], subscribe: ['own/%c/#', 'public/#'] }];
    writeFileSync(file, JSON.stringify({ rules })); // JSON is YAML
    sonde = await startSonde({ args: ['--config', file] });
  });
  afterAll(async () => {
    await sonde?.stop();
    rmSync(folder, { recursive: true, force: true, maxRetries: 5, retryDelay: 200 });
  });
  afterEach(() => clients.closeAll());

  // Class 10: an identity that is a pattern must not widen what the pattern grants.
  it.each(['#', '+', 'a/b', '+/+', '/', '..', '$SYS'])(
    'class 10: the client id %j grants nothing of others',
    async (id) => {
      const victim = await clients.connect({ id: 'victim' });
      await victim.subscribe('own/victim/#', 1);
      const thief = await clients.connect({ id });
      for (const filter of ['#', '+/+', 'own/#', 'own/+/secret', 'own/victim/secret']) await thief.subscribe(filter);
      await victim.publish('own/victim/secret', 'x', { qos: 0 }).catch(() => {}); // it hears itself
      thief.send(publishBytes(5, 'own/victim/forged', 'x', { qos: 1, id: 1 }));
      expect(await thief.anything()).toMatchObject({ type: 'puback', reason: 0x87 });
      expect(await thief.drain()).toEqual([]);
      const names = (await victim.drain()).map((each) => each.type === 'publish' && each.topic);
      expect(names).not.toContain('own/victim/forged');
    },
  );

  it('class 10: a will is held to the same rules', async () => {
    const client = await clients.open(5);
    client.send(connectBytes({ id: 'mortal', will: { topic: 'own/victim/will', payload: 'x' } }));
    expect(await client.end()).toMatchObject([{ type: 'connack', reason: 0x87 }]);
  });
});

describe('data at rest', () => {
  it.skipIf(process.platform === 'win32')(
    'class 16: nobody but the owner may read the data folder, its history and its tokens',
    async () => {
      // Somebody made the folder as folders are made by default.
      const dataDir = mkdtempSync(join(tmpdir(), 'sonde-at-rest-'));
      chmodSync(dataDir, 0o755);
      const sonde = await startSonde({ history: 'duckdb', dataDir });
      try {
        const created = await sondeCommand(['token', 'create', '--data', sonde.dataDir, '--key', 'some-reader']);
        expect(created.code).toBe(0);
        const publisher = clientsOf(() => sonde.mqttPort);
        const client = await publisher.connect({ id: 'at-rest' });
        await client.publish('at/rest', '1', { qos: 1 });
        publisher.closeAll();
        const files = readdirSync(sonde.dataDir, { recursive: true }) as string[];
        expect(files.length).toBeGreaterThan(1);
        for (const file of files) expect([file, statSync(join(sonde.dataDir, file)).mode & 0o077]).toEqual([file, 0]);
        const [, secret = ''] = /secret\s*:?\s+(\S+)/i.exec(created.stdout) ?? [];
        expect(secret.length).toBeGreaterThan(8);
        const grep = files
          .map((file) => join(sonde.dataDir, file))
          .filter((file) => statSync(file).isFile() && readFileSync(file).includes(secret));
        expect(grep, 'files that hold the secret').toEqual([]);
      } finally {
        await sonde.stop();
        rmSync(dataDir, { recursive: true, force: true, maxRetries: 5, retryDelay: 200 });
      }
    },
  );
});

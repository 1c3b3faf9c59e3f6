import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import {
  ackBytes,
  type Client,
  clientsOf,
  publishBytes,
  subscribeBytes,
  unsubscribeBytes,
} from '../conformance/client.ts';
import { type RunningSonde, requireTool, startSonde, waitFor } from '../tooling/index.ts';
import { buildFaultyDisk, type FaultyDisk, syncedAtNs, TOOLS } from './faults/disk-fault.ts';

const SLOW_MS = 300;
const nowNs = (): bigint => process.hrtime.bigint();
const msBetween = (fromNs: bigint, toNs: bigint): number => Number(toNs - fromNs) / 1e6;

/** Something that was sent, with a mark in what has to be written, and its acknowledgement. */
type Exchange = { readonly mark: string; readonly sentNs: bigint; readonly answeredNs: bigint };

describe.skipIf(process.platform !== 'linux')('with a disk whose syncs take 300 ms more', () => {
  requireTool(...TOOLS);
  let scratch: string;
  let disk: FaultyDisk;
  let sonde: RunningSonde | null = null;
  const clients = clientsOf(() => sonde?.mqttPort ?? 0);
  let marks = 0;

  beforeEach(async () => {
    scratch = mkdtempSync(join(tmpdir(), 'sonde-slow-'));
    mkdirSync(join(scratch, 'data'));
    disk = await buildFaultyDisk(scratch, join(scratch, 'data'));
  });
  afterEach(async () => {
    clients.closeAll();
    disk.end();
    await sonde?.kill();
    sonde = null;
    rmSync(scratch, { recursive: true, force: true, maxRetries: 5 });
  });

  /** With a persistent session that is away and is to get `kept/#`. */
  async function begin(durability: 'sync' | 'async', history: 'duckdb' | 'off'): Promise<void> {
    const dataDir = join(scratch, 'data');
    sonde = await startSonde({ dataDir, history, env: disk.env, args: ['--durability', durability] });
    const away = await clients.connect({ level: 4, id: 'away', clean: false });
    await away.subscribe('kept/#', 2);
    away.destroy();
    disk.begin(`sync slow ${SLOW_MS}`);
  }

  const nextMark = (): string => String(100_000 + marks++);

  /** Sends each packet a little after the one before, whatever was answered, and waits for all answers. */
  async function exchange(
    client: Client,
    kind: 'puback' | 'pubrec' | 'pubcomp' | 'suback' | 'unsuback',
    count: number,
    bytesOf: (mark: string, id: number) => Buffer,
  ): Promise<Exchange[]> {
    const sent: { mark: string; sentNs: bigint }[] = [];
    const done: Exchange[] = [];
    const answers = (async () => {
      while (done.length < count) {
        const { packetId } = await client.take(kind, 10_000);
        const of = sent[packetId - 1];
        if (of === undefined) throw new Error(`${kind} for ${packetId}, which was not sent`);
        done.push({ ...of, answeredNs: nowNs() });
      }
    })();
    for (let id = 1; id <= count; id++) {
      const mark = nextMark();
      sent.push({ mark, sentNs: nowNs() });
      client.send(bytesOf(mark, id));
      // Not a wait for something: they are to fall into all phases of a sync.
      await new Promise((resolve) => setTimeout(resolve, 37));
    }
    await answers;
    return done;
  }

  const kinds: readonly (readonly [string, () => Promise<Exchange[]>])[] = [
    ['PUBACK of a message for a persistent session', () => publishes(1, 'kept/a', false)],
    ['PUBREC of a message for a persistent session', () => publishes(2, 'kept/a', false)],
    ['PUBACK of a retained message', () => publishes(1, 'plain/retained', true)],
    [
      'SUBACK of a persistent session',
      async () => {
        const client = await clients.connect({ level: 4, id: 'subscribes', clean: false });
        return exchange(client, 'suback', 8, (mark, id) => subscribeBytes(4, id, [[`some/<<${mark}>>`, 1]]));
      },
    ],
  ];

  async function publishes(qos: 1 | 2, topic: string, retain: boolean): Promise<Exchange[]> {
    const client = await clients.connect({ level: 4, id: 'publishes' });
    return exchange(client, qos === 1 ? 'puback' : 'pubrec', 20, (mark, id) =>
      publishBytes(4, topic, `<<${mark}>>`, { qos, id, retain }),
    );
  }

  function expectAfterSync(done: readonly Exchange[]): void {
    const events = disk.events();
    for (const { mark, sentNs, answeredNs } of done) {
      expect(msBetween(sentNs, answeredNs)).toBeGreaterThanOrEqual(SLOW_MS);
      const syncedNs = syncedAtNs(events, mark);
      expect(syncedNs, `${mark} was acknowledged and never synced`).not.toBeNull();
      expect(msBetween(syncedNs as bigint, answeredNs), `${mark}: acknowledged so long after its sync`).toBeGreaterThan(
        0,
      );
    }
  }

  it.each(kinds)('sync: no %s comes before its sync', async (_, work) => {
    await begin('sync', 'off');
    expectAfterSync(await work());
  });

  it('sync: no PUBACK of a recorded message comes before its sync', async () => {
    await begin('sync', 'duckdb');
    expectAfterSync(await publishes(1, 'recorded/only', false));
  });

  it('sync: no UNSUBACK of a persistent session comes before a sync that began after the UNSUBSCRIBE', async () => {
    await begin('sync', 'off');
    const client = await clients.connect({ level: 4, id: 'unsubscribes', clean: false });
    for (let n = 1; n <= 3; n++) await client.subscribe(`some/${n}`, 1);
    expectSyncBetween(await exchange(client, 'unsuback', 3, (_, id) => unsubscribeBytes(4, id, [`some/${id}`])));
  });

  it('sync: no PUBCOMP comes before a sync that began after the PUBREL', async () => {
    await begin('sync', 'off');
    const client = await clients.connect({ level: 4, id: 'publishes', clean: false });
    await exchange(client, 'pubrec', 8, (mark, id) => publishBytes(4, 'kept/a', `<<${mark}>>`, { qos: 2, id }));
    expectSyncBetween(await exchange(client, 'pubcomp', 8, (_, id) => ackBytes('pubrel', id)));
  });

  /** For what writes nothing that could be marked. */
  function expectSyncBetween(done: readonly Exchange[]): void {
    const syncs = disk.events().filter(({ what, ok }) => what === 'sync' && ok);
    for (const { sentNs, answeredNs } of done) {
      const within = syncs.filter(({ beginNs, endNs }) => beginNs >= sentNs && endNs <= answeredNs);
      expect(within.length, 'syncs between what was sent and its answer').toBeGreaterThan(0);
    }
  }

  it('sync: what has no durable place waits for no sync', async () => {
    await begin('sync', 'off');
    for (const { sentNs, answeredNs } of await publishes(1, 'plain/for-nobody', false)) {
      expect(msBetween(sentNs, answeredNs)).toBeLessThan(SLOW_MS);
    }
  });

  it.each(kinds)('async: %s comes sooner than its sync', async (_, work) => {
    await begin('async', 'off');
    const done = await work();
    const events = disk.events();
    for (const { mark, sentNs, answeredNs } of done) {
      expect(msBetween(sentNs, answeredNs)).toBeLessThan(SLOW_MS);
      const syncedNs = syncedAtNs(events, mark);
      expect(syncedNs === null || syncedNs > answeredNs).toBe(true);
    }
    // Soon, and not never.
    await waitFor('the syncs', () => done.every(({ mark }) => syncedAtNs(disk.events(), mark) !== null));
  });
});

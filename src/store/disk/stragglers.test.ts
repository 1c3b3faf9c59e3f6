import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, it } from 'vitest';
import { silentLogger, systemClock } from '../../base/index.ts';
import type { QueueTarget, StoredMessage } from '../port.ts';
import { type DiskStore, openDiskStore } from './disk-store.ts';
import { inspectHere } from './testing/inspect-here.ts';

const folder = mkdtempSync(join(tmpdir(), 'sonde-stragglers-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const SEGMENT = 16 * 1024;
const ROUNDS = 200;
const SMALL = 100;

const open = (): Promise<DiskStore> =>
  openDiskStore({
    folder,
    clock: systemClock(),
    logger: silentLogger,
    durability: 'sync',
    segmentBytes: SEGMENT,
    tableMs: 0,
    inspect: inspectHere,
  });

const message = (id: number, bytes: number): StoredMessage => ({
  world: 0,
  topic: `t/${id}`,
  payload: Buffer.alloc(bytes, id),
  qos: 1,
  retain: false,
  properties: null,
  arrivedUs: 1,
  expiresAtMs: null,
});

const target = (queue: number): QueueTarget => ({
  queue,
  maxQos: 1,
  retainAsPublished: false,
  subscriptionIdentifiers: [],
});

/** The table has followed the log, and segments were freed and cleaned. */
async function round(store: DiskStore): Promise<void> {
  for await (const _ of store.entries('session')) void 0;
}

it('small messages of a session that is away do not keep the room of large ones that are gone', async () => {
  const store = await open();
  const away = store.openQueue('away');
  const here = store.openQueue('here');
  for (let n = 0; n < ROUNDS; n++) {
    store.append(message(n, SMALL), [target(away)]);
    store.ack(here, store.append(message(n, 4000), [target(here)]));
    await store.commit();
    await round(store);
  }
  for (let n = 0; n < 20; n++) await round(store);
  // Of 820 kB that were written some 37 kB are wanted: twice that, the segments that are never worth the work, and spares.
  expect(store.logBytes()).toBeLessThan(2 * ROUNDS * (SMALL + 84) + 7 * SEGMENT);
  await store.close();

  const again = await open();
  const page = await again.read(again.openQueue('away'), 0, 1000, 1e6);
  expect(page.map((entry) => entry.message.topic)).toEqual(Array.from({ length: ROUNDS }, (_, n) => `t/${n}`));
  await again.close();
});

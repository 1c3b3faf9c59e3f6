import { cpSync, existsSync, mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { ackBytes, clientsOf, PINGREQ } from '../conformance/client.ts';
import { type RunningSonde, requireTool, startSonde, waitFor } from '../tooling/index.ts';
import { buildFaultyDisk, EIO, TOOLS } from './faults/disk-fault.ts';
import { health } from './publishers.ts';

const MESSAGES = 100;

/** A disk that gives EIO where a file is read. */
describe.skipIf(process.platform !== 'linux')('a disk that cannot read a file of the store', () => {
  requireTool(...TOOLS);
  const folders: string[] = [];
  let whole: string;
  let sonde: RunningSonde | null = null;
  const clients = clientsOf(() => sonde?.mqttPort ?? 0);

  const newFolder = (): string => {
    const folder = mkdtempSync(join(tmpdir(), 'sonde-unreadable-'));
    folders.push(folder);
    return folder;
  };

  async function fill(): Promise<void> {
    const keeper = await clients.connect({ level: 4, id: 'keeper', clean: false });
    await keeper.subscribe('q', 1);
    keeper.destroy();
    const before = await clients.connect({ level: 4, id: 'before' });
    for (let n = 0; n < MESSAGES; n++) {
      await before.publish('q', `${n} `.padEnd(1000, '-'), { qos: 1 });
      await before.publish(`kept/${n}`, `${n} `.padEnd(500, '-'), { qos: 1, retain: true });
    }
  }

  /** What the session that was away gets of the queue, until `last` has come. */
  async function kept(last: string, ready = async (): Promise<void> => {}): Promise<string[]> {
    const keeper = await clients.connect({ level: 4, id: 'keeper', clean: false });
    await ready();
    const publisher = await clients.connect({ level: 4, id: 'publisher' });
    await publisher.publish('q', last, { qos: 1 });
    const got: string[] = [];
    while (got.at(-1) !== last) {
      const { payload, packetId } = await keeper.take('publish', 10_000);
      got.push(payload.toString().split(' ')[0] ?? '');
      keeper.send(ackBytes('puback', packetId));
    }
    keeper.send(PINGREQ);
    await keeper.take('pingresp');
    keeper.destroy();
    return got;
  }

  beforeAll(async () => {
    whole = newFolder();
    sonde = await startSonde({ dataDir: whole });
    await fill();
    clients.closeAll();
    const table = join(whole, 'store', 'table', 'data.mdb');
    await waitFor('the table', () => statSync(table).size > 100_000, 20_000);
    await sonde.kill();
  });
  afterEach(async () => {
    clients.closeAll();
    await sonde?.kill();
    sonde = null;
  });
  afterAll(() => {
    for (const folder of folders) rmSync(folder, { recursive: true, force: true, maxRetries: 5 });
  });

  it.each([
    ['log/0001.seg', 0],
    ['log/0001.seg', 50_000],
    ['table/data.mdb', 0],
    ['table/data.mdb', 40_960],
  ])('%s from %d on, at a start: it is named, and started with what is sound, each time', async (name, from) => {
    const dataDir = newFolder();
    cpSync(whole, dataDir, { recursive: true });
    const file = join(dataDir, 'store', name);
    const disk = await buildFaultyDisk(newFolder(), dataDir);
    // Blocks of the disk cannot be read, whatever the name of the file that has them.
    const inode = statSync(file).ino;
    disk.begin(`read inode ${inode}`, `read fail ${EIO}`, `read from ${from}`);
    sonde = await startSonde({ dataDir, env: disk.env, degraded: true });
    expect(sonde.log()).toMatch(/the store is damaged/);
    expect(readFileSync(join(dataDir, 'store', 'damaged', 'found.jsonl'), 'utf8')).toContain(file);
    const got = await kept('new');
    // The table has nothing of the queue but whose it is, and the log has that too.
    if (name.startsWith('table')) expect(got).toHaveLength(MESSAGES + 1);
    else if (from > 0) expect(got.length).toBeGreaterThan(5);
    // And again, when what is damaged lies aside: a segment is moved when nothing in it is wanted any more.
    await waitFor('the file to be moved away', () => !existsSync(file) || statSync(file).ino !== inode, 10_000);
    await sonde.kill();
    sonde = await startSonde({ dataDir, env: disk.env });
    await kept('again');
  });

  it('the log, while a queue is read: what cannot be read is named, and the session goes on behind it', async () => {
    const dataDir = newFolder();
    const disk = await buildFaultyDisk(newFolder(), join(dataDir, 'store', 'log', '0001.seg'));
    sonde = await startSonde({ dataDir, env: disk.env });
    await fill();
    disk.begin(`read fail ${EIO}`, 'read from 80000');
    const got = await kept('new', async () => {
      const found = join(dataDir, 'store', 'damaged', 'found.jsonl');
      const isFound = () => existsSync(found) && readFileSync(found, 'utf8').includes(`message ${MESSAGES} for queue`);
      await waitFor('the last of them', isFound, 10_000);
      // What comes now lies behind it in the same file.
      disk.end();
    });
    expect(got.slice(0, -1)).toEqual(Array.from({ length: got.length - 1 }, (_, n) => String(n)));
    expect(got.length).toBeGreaterThan(20);
    expect(got.length).toBeLessThan(MESSAGES);
    expect(await health(sonde)).toBe('degraded');
    expect(sonde.log()).toMatch(/messages that cannot be read.*the disk does not give it/);
    await sonde.stop();
    sonde = null;
  });
});

import { existsSync, mkdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { DuckDBInstance } from '@duckdb/node-api';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { createMemorySource } from './testing/memory-source.ts';
import { createRig, type Rig, removeFolder, temporaryFolder } from './testing/rig.ts';
import { pointsOf } from './testing/rows.ts';
import { until } from './testing/wait.ts';

let folder: string;
const rigs: Rig[] = [];
beforeEach(() => {
  folder = temporaryFolder();
});
afterEach(async () => {
  for (const { history } of rigs.splice(0)) await history.stop();
  removeFolder(folder);
});

async function started(where = folder): Promise<Rig> {
  const rig = createRig(where);
  rigs.push(rig);
  await rig.history.start();
  return rig;
}

const everything = { world: 1, field: 'value', fromUs: null, toUs: null } as const;

async function ended(rig: Rig): Promise<void> {
  await rig.history.stop();
  rigs.splice(rigs.indexOf(rig), 1);
}

/** A history of a million rows, so that a copy takes its time. */
async function large(): Promise<void> {
  await ended(await started());
  const instance = await DuckDBInstance.create(join(folder, 'history.duckdb'));
  const connection = await instance.connect();
  await connection.run(
    `INSERT INTO series VALUES (1, 1, 'old', 'value', NULL);
     INSERT INTO point SELECT 1, make_timestamp(i), make_timestamp(i), i, random() FROM range(1, 1000001) r(i)`,
  );
  connection.closeSync();
  instance.closeSync();
}

it('a backup is of one moment, points and position, while recording goes on', async () => {
  await large();
  const rig = await started();
  const source = createMemorySource('a');
  rig.history.drain(source);
  let sent = 0;
  const publish = (): void => {
    for (let i = 0; i < 50; i++) {
      sent += 1;
      source.add(1, 'queue', String(sent), sent);
    }
  };
  publish();
  await until('the first points', () => source.acknowledged() > 0);
  const before = source.acknowledged();
  const target = join(folder, 'copy', 'history.duckdb');
  mkdirSync(join(folder, 'copy'));
  let copying = true;
  const backup = rig.history.backup(target).finally(() => {
    copying = false;
  });
  const during = source.acknowledged();
  while (copying) {
    publish();
    await until('a commit beside the backup', () => source.acknowledged() === sent || !copying);
  }
  await backup;
  expect(source.acknowledged()).toBeGreaterThan(during);
  expect(statSync(target).mode & 0o777).toBe(0o600);
  expect(existsSync(`${target}.wal`)).toBe(false);

  const copy = await started(join(folder, 'copy'));
  const points = await pointsOf(copy.history, { ...everything, topic: 'queue' }, 1_000_000);
  expect(points.length).toBeGreaterThanOrEqual(before);
  expect(points.map(([, value]) => value)).toEqual(points.map((_, i) => i + 1));
  const [old] = await copy.history.series(1, 'old', 1);
  expect(old?.count).toBe(1_000_000);
  // Exactly what it has is skipped when it comes again.
  const again = createMemorySource('a');
  for (let n = 1; n <= points.length + 3; n++) again.add(1, 'queue', String(n), n);
  copy.history.drain(again);
  await copy.recorded(3);
  await until('all to be acknowledged', () => again.acknowledged() === points.length + 3);
  expect(copy.history.status().recordedMessages).toBe(3);
}, 60_000);

it('a backup that cannot be written says so and leaves nothing, and recording goes on', async () => {
  const rig = await started();
  rig.publish('a', '1');
  await rig.recorded(1);
  await expect(rig.history.backup(join(folder, 'absent', 'copy.duckdb'))).rejects.toThrow(/absent/);
  const target = join(folder, 'copy.duckdb');
  await rig.history.backup(target);
  // A file that is there is never written over.
  await expect(rig.history.backup(target)).rejects.toThrow(/already exists|there is a file/);
  expect(existsSync(target)).toBe(true);
  rig.publish('a', '2');
  await rig.recorded(2);
  expect(rig.history.status().restarts).toBe(0);
}, 60_000);

it('a history process that is killed during a backup fails it, and recording resumes', async () => {
  await large();
  const rig = await started();
  const backup = rig.history.backup(join(folder, 'copy.duckdb'));
  process.kill(rig.history.status().pid!, 'SIGKILL');
  await expect(backup).rejects.toThrow('history went away');
  rig.publish('a', '1');
  await rig.recorded(1);
}, 60_000);

import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { silentLogger, systemClock } from '../../src/base/index.ts';
import { createHistory, type History, type RecorderEntry, type RecorderSource } from '../../src/history/index.ts';
import { pointsOf } from '../../src/history/testing/rows.ts';
import { waitFor } from '../tooling/index.ts';

let folder: string;
let history: History | null = null;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'sonde-crash-'));
});
afterEach(async () => {
  await history?.stop();
  history = null;
  rmSync(folder, { recursive: true, force: true, maxRetries: 5, retryDelay: 200 });
});

const file = (): string => join(folder, 'history.duckdb');
const everything = { world: 1, field: 'value', fromUs: null, toUs: null } as const;

/** Blocks this process too: nothing that the history process says can decide when it is killed. */
function blockFor(ms: number): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms);
}

/** Values 1..n, each once, whatever their order. */
function expectEachOnce(values: readonly unknown[], n: number): void {
  const seen = new Uint8Array(n + 1);
  for (const value of values) seen[Number(value)]! += 1;
  const lost: number[] = [];
  const twice: number[] = [];
  for (let i = 1; i <= n; i++) {
    if (seen[i] === 0) lost.push(i);
    if (seen[i]! > 1) twice.push(i);
  }
  expect({ lost, twice, count: values.length }).toEqual({ lost: [], twice: [], count: n });
}

it('after kill -9 at any moment of a commit, every message of the queue and of the buffer is in history once', async () => {
  const clock = systemClock();
  history = createHistory({
    file: file(),
    clock,
    logger: silentLogger,
    commitIntervalMs: 10,
    restartMs: 5,
    maxRestartMs: 20,
  });
  await history.start();

  let queue: RecorderEntry[] = [];
  let wake: (isFull: boolean) => void = () => {};
  const source: RecorderSource = {
    incarnation: 'crash',
    origins: [],
    read: async (after, limit) => queue.filter((entry) => entry.number > after).slice(0, limit),
    ackThrough: (number) => {
      queue = queue.filter((entry) => entry.number > number);
    },
    takenBefore: 0,
    depth: () => ({ entries: queue.length, bytes: queue.length * 8 }),
    onEntries: (given) => {
      wake = given;
    },
  };
  history.drain(source);

  const key = {};
  const encoder = new TextEncoder();
  const batch = 6000;
  let sent = 0;
  let kills = 0;
  let killed: number | null = null;
  const status = (): ReturnType<History['status']> => history!.status();
  for (let delayMs = 0; delayMs <= 24; delayMs += 1.2) {
    await waitFor('history to be up', () => status().state === 'ok' && status().pid !== killed);
    for (let i = 0; i < batch; i++) {
      sent += 1;
      const payload = encoder.encode(String(sent));
      queue.push({ number: sent, message: { world: 1, topic: 'queue', payload, arrivedUs: sent } });
      expect(history.intake.offer(key, 1, 'buffer', payload, 0, payload.length, sent)).toBe(true);
    }
    wake(false);
    // Enough for a batch: it is sent from setImmediate, after the queue has been read.
    for (let turn = 0; turn < 4; turn++) await new Promise((resolve) => setImmediate(resolve));
    blockFor(delayMs);
    killed = status().pid!;
    process.kill(killed, 'SIGKILL');
    kills += 1;
  }
  await waitFor('all to be committed', () => queue.length === 0 && status().bufferedBytes === 0, 30_000);
  expect(kills).toBeGreaterThan(15);
  // The last batch may have been in before its kill: then nothing else waited for that restart.
  await waitFor('each kill to be answered by a start', () => status().restarts === kills);

  for (const topic of ['queue', 'buffer']) {
    const points = await pointsOf(history, { ...everything, topic }, 1_000_000);
    expectEachOnce(
      points.map(([, value]) => value),
      sent,
    );
    const [series] = await history.series(1, topic, 1);
    expect(series).toMatchObject({ count: sent, lastValue: sent });
  }
}, 120_000);

it('after kill -9 of the broker the history process ends by itself, and all that was said to be recorded is there', async () => {
  const dist = fileURLToPath(new URL('../../dist/', import.meta.url));
  const program = `
    import { createHistory } from ${JSON.stringify(`${dist}history/index.js`)};
    import { systemClock, silentLogger } from ${JSON.stringify(`${dist}base/index.js`)};
    const history = createHistory({ file: process.argv[1], clock: systemClock(), logger: silentLogger });
    await history.start();
    const key = {};
    const encoder = new TextEncoder();
    let sent = 0;
    setInterval(() => {
      for (let i = 0; i < 200; i++) {
        sent += 1;
        const payload = encoder.encode(String(sent));
        history.intake.offer(key, 1, 'buffer', payload, 0, payload.length, sent);
      }
      const { recordedMessages, pid } = history.status();
      console.log(JSON.stringify({ recordedMessages, pid, sent }));
    }, 2);
  `;
  const broker = spawn(process.execPath, ['--input-type=module', '-e', program, file()], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let last = { recordedMessages: 0, pid: 0, sent: 0 };
  createInterface({ input: broker.stdout }).on('line', (line) => {
    last = JSON.parse(line) as typeof last;
  });
  await waitFor('some commits', () => last.recordedMessages > 20_000, 30_000);
  const ended = new Promise((resolve) => broker.once('exit', resolve));
  broker.kill('SIGKILL');
  await ended;
  await waitFor('the end of the history process', () => {
    try {
      process.kill(last.pid, 0);
      return false;
    } catch {
      return true;
    }
  });

  history = createHistory({ file: file(), clock: systemClock(), logger: silentLogger });
  await history.start();
  const points = await pointsOf(history, { ...everything, topic: 'buffer' }, 1_000_000);
  expect(points.length).toBeGreaterThanOrEqual(last.recordedMessages);
  // What is missing is the end of it only, and no more than a quarter of a second.
  expectEachOnce(
    points.map(([, value]) => value),
    points.length,
  );
}, 120_000);

it('a broker that is started while the old history process still ends waits for it', async () => {
  const clock = systemClock();
  const first = createHistory({ file: file(), clock, logger: silentLogger });
  await first.start();
  history = createHistory({ file: file(), clock, logger: silentLogger });
  const second = history.start();
  await first.stop();
  await second;
  expect(history.status().state).toBe('ok');
}, 60_000);

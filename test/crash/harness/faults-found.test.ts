import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, expect, it } from 'vitest';
import { randomOf } from '../../fuzz/random.ts';
import { checkDelivery, checkHistory, type End } from './checks.ts';
import { createReceipts, createStream, type Stream } from './ledger.ts';
import type { Publisher } from './publisher.ts';
import { newRunState, type RunState } from './run-state.ts';

let server: Server | null = null;
afterEach(() => server?.close());

const newRun = (): RunState => newRunState(0, randomOf(1), null, () => 0);

/** Five messages, all acknowledged but the last. */
function fiveOf(run: RunState, qos: 0 | 1 | 2): Stream {
  const stream = createStream(run, { name: 's', topic: 'load/s', qos, resends: true });
  for (let n = 0; n < 5; n++) stream.send();
  for (let n = 0; n < 4; n++) stream.acknowledge(n);
  return stream;
}

const asPublisher = (stream: Stream): Publisher => ({ stream }) as Publisher;

async function historyWith(values: readonly number[]): Promise<string> {
  const listening = createServer((_, response) => {
    response.setHeader('content-type', 'application/json');
    response.end(JSON.stringify({ points: values.map((value) => ['', value]) }));
  });
  server = listening;
  await new Promise<void>((resolve) => listening.listen(0, '127.0.0.1', resolve));
  return `http://127.0.0.1:${(listening.address() as AddressInfo).port}`;
}

it('names a message that was acknowledged and never came; one that was not acknowledged may be missing', () => {
  const run = newRun();
  const stream = fiveOf(run, 1);
  const to = createReceipts(run, 'r', 1, true);
  for (const number of [0, 1, 3]) to.got(stream, number);
  checkDelivery(run, { publishers: [asPublisher(stream)], receipts: [to] });
  expect(run.faults.get('lost')).toEqual([expect.stringContaining('r never got s #2,')]);
});

it('counts a second copy at QoS 2, and not at QoS 1', () => {
  const run = newRun();
  for (const qos of [1, 2] as const) {
    const to = createReceipts(run, 'r', 2, true);
    const stream = fiveOf(run, qos);
    for (const number of [0, 1, 1, 0]) to.got(stream, number);
    expect(run.count('QoS 2 duplicates')).toBe(qos === 1 ? 0 : 2);
  }
  expect(run.count('order faults')).toBe(0);
});

it('sees first occurrences out of order, but not in a group', () => {
  const run = newRun();
  const stream = fiveOf(run, 1);
  for (const ordered of [false, true]) {
    const to = createReceipts(run, 'r', 1, ordered);
    for (const number of [0, 2, 1, 3]) to.got(stream, number);
    expect(run.count('order faults')).toBe(ordered ? 1 : 0);
  }
});

it('sees what history lacks, has twice, and has although it was never sent', async () => {
  const run = newRun();
  const stream = fiveOf(run, 1);
  stream.sendAgain(3);
  const url = await historyWith([0, 2, 2, 3, 3, 9]);
  const found = await checkHistory(run, url, stream, [], 0);
  expect(found).toMatchObject({ points: 6, resent: 1 });
  expect(run.faults.get('history gaps')).toEqual([expect.stringContaining('lacks s #1,')]);
  expect(run.count('history duplicates')).toBe(2);
});

it('lets QoS 0 be missing within the window of a kill, and nothing older', async () => {
  const url = await historyWith([0]);
  for (const [qos0SinceMs, gaps] of [
    [0, 0],
    [Number.POSITIVE_INFINITY, 3],
  ] as const) {
    const run = newRun();
    const stream = fiveOf(run, 0);
    const ends: readonly End[] = [{ atMs: performance.now() + 1, qos0SinceMs }];
    await checkHistory(run, url, stream, ends, 0);
    expect(run.count('QoS 0 gaps')).toBe(gaps);
  }
});

it('names QoS 0 that is missing before something that is there', async () => {
  const run = newRun();
  const stream = fiveOf(run, 0);
  await checkHistory(run, await historyWith([0, 2]), stream, [{ atMs: performance.now() + 1, qos0SinceMs: 0 }], 0);
  expect(run.faults.get('QoS 0 gaps')).toEqual([expect.stringContaining('lacks s #1,')]);
});

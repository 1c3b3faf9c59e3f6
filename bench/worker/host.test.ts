import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, expect, test } from 'vitest';
import { judge } from '../cell.ts';
import type { Load } from '../loads.ts';
import { expectedDeliveries, planLoad } from '../plan.ts';
import { type Misbehaviour, startFaultyRelay } from '../testing/faulty-relay.ts';
import { createHost, type Host } from './host.ts';

const closers: (() => Promise<void> | void)[] = [];

afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});

const FAN_IN: Load = {
  name: 'test-fan-in',
  title: '',
  shape: 'fan-in',
  publishers: 3,
  subscribers: 1,
  qos: 1,
  window: 5,
  payloadBytes: 64,
  placement: 'by-role',
};
const PAIRS: Load = {
  ...FAN_IN,
  name: 'test-pairs',
  shape: 'pairs',
  subscribers: 3,
  qos: 0,
  window: 1,
  placement: 'by-pair',
};
const FAN_OUT: Load = { ...FAN_IN, name: 'test-fan-out', shape: 'fan-out', publishers: 1, subscribers: 7 };

/** Plays a load with two hosts in this process until `enough` messages have come, or one of them is lost for good. */
async function play(load: Load, misbehave?: Misbehaviour, deadlineMs = 3000) {
  const relay = await startFaultyRelay(misbehave);
  closers.push(() => relay.close());
  const folder = mkdtempSync(join(tmpdir(), 'sonde-bench-test-'));
  closers.push(() => rmSync(folder, { recursive: true, force: true }));
  const hosts = planLoad(load, 2).map((plan) => createHost({ load, plan, port: relay.port, folder, rampMicros: 0 }));
  closers.push(() => {
    for (const host of hosts) host.close();
  });
  await Promise.all(hosts.map((host) => host.listen()));
  await Promise.all(hosts.map((host) => host.connect()));
  for (const host of hosts) host.start();
  await settled(hosts, load, 500);
  const counts = hosts.flatMap((host) => [...host.stop()]);
  const sent = [...counts].sort(([a], [b]) => a - b).map(([, count]) => count);
  await Promise.all(hosts.map((host) => host.drain(sent, deadlineMs)));
  return judge(
    hosts.map((host) => host.result(sent)),
    expectedDeliveries(load, new Map(counts)),
  );
}

/** Waits until `enough` deliveries were made, or none has come for 200 ms. */
async function settled(hosts: readonly Host[], load: Load, enough: number): Promise<void> {
  const none = Array.from({ length: load.publishers }, () => 0);
  const received = (): number => hosts.reduce((sum, host) => sum + host.result(none).received, 0);
  let before = -1;
  while (received() < enough && received() !== before) {
    before = received();
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
}

test.each([
  ['fan-in at QoS 1 over the credit channel', FAN_IN],
  ['pairs at QoS 0 with a window of one', PAIRS],
  ['fan-out at QoS 1', FAN_OUT],
  ['fan-out at QoS 0', { ...FAN_OUT, qos: 0 } as const],
])('a good relay makes a cell that counts: %s', async (_, load) => {
  const cell = await play(load);
  expect(cell.failure).toBe('');
  expect(cell.delivered).toBeGreaterThanOrEqual(500);
  expect(cell.p99Micros).toBeGreaterThan(0);
  expect(cell.perSecond).toBeGreaterThan(0);
});

test('one lost message fails the cell', async () => {
  const cell = await play(FAN_IN, (n) => (n === 400 ? 'lose' : 'once'), 300);
  expect(cell.failure).toMatch(/1 jumped over|not delivered/);
});

test('one message delivered twice fails the cell', async () => {
  const cell = await play(PAIRS, (n) => (n === 400 ? 'twice' : 'once'));
  expect(cell.failure).toMatch(/1 delivered twice or too late/);
});

test('two messages of one publisher in the wrong order fail the cell', async () => {
  const cell = await play({ ...FAN_OUT, subscribers: 1, qos: 0 }, (n) => (n === 400 ? 'swap' : 'once'), 300);
  expect(cell.failure).toMatch(/jumped over/);
});

test('the very last message lost is seen too', async () => {
  const cell = await play({ ...PAIRS, publishers: 1, subscribers: 1 }, (n) => (n >= 400 ? 'lose' : 'once'), 300);
  expect(cell.failure).toBe('1 not delivered');
});

test('a broker that closes a connection fails the cell', async () => {
  const load = { ...FAN_IN, publishers: 1 };
  const relay = await startFaultyRelay();
  const plan = planLoad(load, 1)[0]!;
  const host = createHost({ load, plan, port: relay.port, folder: tmpdir(), rampMicros: 0 });
  closers.push(() => host.close());
  await host.listen();
  await host.connect();
  await relay.close();
  await host.drain([1], 3000);
  expect(host.result([1]).faults.join()).toMatch(/closed the connection|ECONNRESET/);
});

import { createServer, type Server, type Socket } from 'node:net';
import { afterEach, expect, test } from 'vitest';
import { overloadMarkdown } from '../report/overload-markdown.ts';
import { ATTACKS, pickAttacks } from './attacks.ts';
import type { OverloadCell } from './cell.ts';
import { faultsOf } from './faults.ts';
import { Probe } from './probe.ts';

const closers: (() => void)[] = [];
afterEach(() => {
  for (const close of closers.splice(0)) close();
});

const cell = (peer: string, more: Partial<OverloadCell>): OverloadCell => ({
  attack: 'silent',
  peer,
  failure: '',
  restRssBytes: 1,
  peakRssBytes: 2,
  quietP99: 1,
  p50: 1,
  p99: 5,
  longest: 9,
  samples: 100,
  lost: 0,
  reconnects: 0,
  did: null,
  ...more,
});

test('a load is found by its name; an unknown one is refused with the known ones', () => {
  expect(pickAttacks(['silent']).map(({ name }) => name)).toEqual(['silent']);
  expect(pickAttacks([])).toHaveLength(7);
  expect(() => pickAttacks(['siren'])).toThrow(/no such overload: siren; there are flood-slow/);
});

test('Sonde must live, lose nothing of others, and let them wait no longer than Mosquitto and 50 ms', () => {
  const calm = cell('mosquitto', { p99: 6 });
  expect(faultsOf([calm, cell('sonde', {})])).toEqual([]);
  expect(faultsOf([cell('mosquitto', { p99: 4 }), cell('sonde', {})])).toHaveLength(1);
  expect(faultsOf([cell('mosquitto', { p99: 900 }), cell('sonde', { p99: 60 })])).toEqual([
    'sonde, silent: p99 of the other client 60.0 ms, above 50 ms',
  ]);
  expect(faultsOf([calm, cell('sonde', { failure: 'process 7 is gone' })])).toEqual([
    'sonde, silent: process 7 is gone',
  ]);
  expect(faultsOf([calm, cell('sonde', { lost: 3, reconnects: 1 })])).toHaveLength(2);
  expect(faultsOf([cell('mosquitto', { lost: 3, failure: 'gone' })])).toEqual([]);
});

test('of several rounds the medians count, but each must live', () => {
  const calm = [5, 6, 7].map((p99) => cell('mosquitto', { p99 }));
  expect(faultsOf([...calm, ...[2, 6, 90].map((p99) => cell('sonde', { p99 }))])).toEqual([]);
  expect(faultsOf([...calm, ...[2, 7, 90].map((p99) => cell('sonde', { p99 }))])).toEqual([
    "sonde, silent: p99 of the other client 7.0 ms, Mosquitto's 6.0 ms",
  ]);
  expect(faultsOf([...calm, cell('sonde', {}), cell('sonde', {}), cell('sonde', { lost: 1 })])).toHaveLength(1);
});

test('its page has a row for each broker, with the ratio of each round to that of Mosquitto', () => {
  const cells = [
    cell('mosquitto', { p99: 4 }),
    cell('sonde', {}),
    cell('mosquitto', { p99: 5 }),
    cell('sonde', { longest: 20 }),
  ];
  const page = overloadMarkdown('a machine', [], ATTACKS, cells, { rounds: 2, seconds: 10 });
  expect(page).toContain('| mosquitto | 0 | 1.0 | 4.5 (4.0-5.0) |  | 9.0 | 0 | 0 | 1.0 |');
  expect(page).toContain('| sonde | 0 | 1.0 | 5.0 | 1.13 (1.00-1.25) | 20.0 | 0 | 0 | 1.0 |');
});

/** Answers a probe as a broker would; `returns` says whether a PUBLISH comes back. */
async function echo(returns: () => boolean): Promise<number> {
  const sockets: Socket[] = [];
  const server: Server = createServer((socket) => {
    sockets.push(socket);
    socket.write(Buffer.from([0x20, 2, 0, 0, 0x90, 3, 0, 1, 0]));
    let first = true;
    socket.on('data', (chunk: Buffer) => {
      if (!first && returns()) socket.write(chunk);
      first = false;
    });
    socket.on('error', () => {});
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  closers.push(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  return (server.address() as { port: number }).port;
}

test('the probe counts what comes back, and what does not as lost with the time that was waited', async () => {
  let returned = 0;
  const port = await echo(() => {
    returned += 1;
    return returned <= 5;
  });
  const probe = new Probe(port);
  closers.push(() => probe.close());
  await probe.ready;
  while (returned < 8) await new Promise((resolve) => setTimeout(resolve, 10));
  const { millis, lost } = await probe.report(50);
  expect(lost).toBeGreaterThanOrEqual(1);
  expect(millis.length - lost).toBeGreaterThanOrEqual(1);
  expect(Math.max(...millis)).toBeGreaterThanOrEqual(50);
});

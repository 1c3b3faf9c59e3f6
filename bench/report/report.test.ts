import { expect, test } from 'vitest';
import type { Cell } from '../cell.ts';
import { LOADS } from '../loads.ts';
import { compareMarkdown } from './compare-markdown.ts';
import { type CompareResult, marksOf, rowsOf } from './compare-result.ts';
import { machineSlug } from './machine.ts';

const cell = (changes: Partial<Cell> = {}): Cell => ({
  failure: '',
  delivered: 1000,
  perSecond: 1000,
  cpuMicrosPerMessage: 10,
  p50Micros: 100,
  p99Micros: 200,
  p999Micros: 300,
  brokerShare: 0.9,
  brokerRssBytes: 2 ** 24,
  generators: [{ cpuShare: 0.5, busyShare: 0.5 }],
  machineShare: 0.7,
  ...changes,
});
const machine = {
  date: '2026-11-21T10:00:00.000Z',
  cpu: 'AMD EPYC (R)',
  cores: 2,
  memoryGiB: 24,
  kernel: 'Linux 6',
  node: 'v20',
  commit: 'abc',
};
const load = LOADS[0]!;

test('ratios are taken round by round, and only where both rounds count', () => {
  const cells = {
    mosquitto: [cell(), cell({ cpuMicrosPerMessage: 20 }), cell({ failure: 'lost' })],
    sonde: [cell({ cpuMicrosPerMessage: 5 }), cell({ cpuMicrosPerMessage: 5 }), cell({ cpuMicrosPerMessage: 99 })],
  };
  const [base, row] = rowsOf({ load, cells }, 'mosquitto', 2);
  expect(base).toMatchObject({ good: 2, failed: 1, failure: 'lost', cpuRatio: null });
  expect(row!.cpuRatio).toEqual({ median: 0.375, min: 0.25, max: 0.5 });
});

test('saturation, a full machine and others at work are marked', () => {
  expect(marksOf([cell()], 2)).toEqual([]);
  expect(marksOf([cell({ generators: [{ cpuShare: 0.91, busyShare: 0.5 }] })], 2)).toEqual(['generator']);
  expect(marksOf([cell({ generators: [{ cpuShare: 0.5, busyShare: 0.99 }] })], 2)).toEqual(['generator']);
  expect(marksOf([cell({ machineShare: 0.99 })], 2)).toEqual(['machine', 'disturbed']);
});

test('the page says FAILED instead of figures, names what is behind, and holds no NaN', () => {
  const result: CompareResult = {
    machine,
    rounds: 1,
    seconds: 2,
    workers: 2,
    peers: [{ name: 'mosquitto', description: 'M' }],
    loads: [
      { load, cells: { mosquitto: [cell()], sonde: [cell({ cpuMicrosPerMessage: 12 })] } },
      { load: LOADS[1]!, cells: { mosquitto: [cell()], sonde: [cell({ failure: '3 not delivered' })] } },
    ],
  };
  const page = compareMarkdown(result, 'mosquitto');
  expect(page).toContain('| FAILED: 3 not delivered |');
  expect(page).toContain('1 of 1 rounds: 3 not delivered');
  expect(page).toContain('`sonde`: CPU 1.20 (1.20-1.20)');
  expect(page).toContain('no round counted');
  expect(page).not.toContain('NaN');
});

test('a result file is named after day and machine', () => {
  expect(machineSlug(machine)).toBe('2026-11-21-amd-epyc-2-cores');
});

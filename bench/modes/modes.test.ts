import { expect, test } from 'vitest';
import { addVerdicts, checkEveryOnce, isClean } from './every-once.ts';
import { ratioOf } from './run-queries.ts';
import { passes, soakMarkdown } from './run-soak.ts';
import { idsOf, memoryTrend, type SoakResult } from './soak.ts';
import { rowsFrom } from './year.ts';

const CLEAN = { missing: 0, twice: 0, foreign: 0, disorder: 0 };

test('each number once and in order is clean; anything else is counted by kind', () => {
  expect(checkEveryOnce([0, 1, 2], 3)).toEqual(CLEAN);
  expect(checkEveryOnce([0, 2, 2, 1, 'x', 9, 1.5], 4)).toEqual({ missing: 1, twice: 1, foreign: 3, disorder: 1 });
  expect(isClean(addVerdicts([CLEAN, CLEAN]))).toBe(true);
  expect(isClean(addVerdicts([CLEAN, { ...CLEAN, twice: 1 }]))).toBe(false);
});

test('each phase with queries is divided by the quiet one of its round', () => {
  const phases = [
    { asked: 'nothing', p99: 100 },
    { asked: 'at once', p99: 150 },
    { asked: 'without end', p99: 900 },
    { asked: 'nothing', p99: 200 },
    { asked: 'at once', p99: 500 },
    { asked: 'without end', p99: 200 },
  ] as const;
  expect(ratioOf(phases, 'without end')).toEqual({ median: 5, min: 1, max: 9 });
  expect(ratioOf(phases, 'at once')).toEqual({ median: 2, min: 1.5, max: 2.5 });
});

test('a message of the year holds 200 rows with their own time', () => {
  const rows = JSON.parse(Buffer.from(rowsFrom(1_700_000_000_000, 200, 60_000)).toString()) as {
    time: string;
    v: number;
  }[];
  expect(rows).toHaveLength(200);
  expect(Date.parse(rows[0]!.time)).toBe(1_700_000_000_000 + 200 * 60_000);
  expect(Date.parse(rows[199]!.time) - Date.parse(rows[0]!.time)).toBe(199 * 60_000);
  expect(rows[0]!.v).toBeTypeOf('number');
});

test('ids are read from samples and not from the sampler’s other words', () => {
  expect(idsOf('[{"id":7,"kT":1.5}]')).toEqual([7]);
  expect(idsOf('<Data_begin>')).toEqual([]);
});

const soaked = (changes: Partial<SoakResult> = {}): SoakResult => ({
  minutes: 1,
  memory: Array.from({ length: 12 }, (_, i) => ({ seconds: i * 5, rssBytes: 100 * 2 ** 20, rssBytesEach: [] })),
  samplerTopic: 'data-esp-00000001',
  samples: 60,
  delivered: CLEAN,
  history: CLEAN,
  sensors: [{ topic: '/sensors/temperature', published: 12, recorded: 12 }],
  ...changes,
});

test('a soak passes when all is in history and memory is flat, and fails on each of these', () => {
  expect(passes(soaked())).toBe(true);
  expect(passes(soaked({ history: { ...CLEAN, missing: 1 } }))).toBe(false);
  expect(passes(soaked({ samples: 10 }))).toBe(false);
  expect(passes(soaked({ sensors: [{ topic: 't', published: 12, recorded: 11 }] }))).toBe(false);
  const growing = Array.from({ length: 12 }, (_, i) => ({
    seconds: i * 5,
    rssBytes: (100 + i) * 2 ** 20,
    rssBytesEach: [],
  }));
  expect(passes(soaked({ memory: growing }))).toBe(false);
  expect(memoryTrend(growing).growthMiBPerHour).toBeCloseTo(720);
  expect(soakMarkdown('here', soaked({ memory: growing }))).toContain('NOT flat');
});

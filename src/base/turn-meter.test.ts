import { beforeEach, expect, it } from 'vitest';
import { type ManualClock, manualClock, TurnMeter, threadCpu } from './index.ts';

let clock: ManualClock;
let cpuMs: number;
let looks: number;
let ends: (() => void)[];

beforeEach(() => {
  clock = manualClock();
  cpuMs = 1000;
  looks = 0;
  ends = [];
});

const meterWith = (cpu: (() => number) | null): TurnMeter =>
  new TurnMeter({ clock, cpu, atEnd: (end) => void ends.push(end) });
const readCpu = (): number => {
  looks += 1;
  return cpuMs;
};
/** Time passes; the thread has the processor for `ownMs` of it. */
const pass = (ms: number, ownMs = ms): void => {
  clock.advance(ms);
  cpuMs += ownMs;
};
const endTurn = (): void => {
  for (const end of ends.splice(0)) end();
};
const counted = ({ histogram }: TurnMeter): [number | undefined, number][] =>
  histogram.counts.flatMap((count, at) => (count > 0 ? [[histogram.bounds[at], count]] : []));

it('a long turn counts with the CPU that its thread used, for the work that took most of it', () => {
  const meter = meterWith(readCpu);
  meter.begin('reading');
  pass(2);
  meter.begin('subscribe');
  pass(80, 30); // another program had the processor for the rest
  meter.begin('writing');
  pass(3);
  endTurn();
  expect(meter.histogram.sum).toBeCloseTo(0.035);
  expect([...meter.longest]).toEqual([['subscribe', 0.035]]);
  expect(meter.work).toBe(null);
});

it('a short turn costs no look at the CPU time, but for one in ten milliseconds', () => {
  const meter = meterWith(readCpu);
  for (let i = 0; i < 100; i++) {
    meter.begin('reading');
    pass(0.2);
    endTurn();
  }
  expect(looks).toBe(2);
  expect(counted(meter)).toEqual([[0.0005, 100]]);
  expect(meter.longest.size).toBe(0);
});

it('what ran between the last look and a long turn is at most ten milliseconds too much', () => {
  const meter = meterWith(readCpu);
  meter.begin('reading');
  pass(4);
  endTurn();
  meter.begin('reading');
  pass(20, 10);
  endTurn();
  expect(meter.histogram.sum).toBeCloseTo(0.004 + 0.014);
});

it('where the CPU of a thread is not known, it is the time on the clock, and says so', () => {
  const meter = meterWith(null);
  expect(meter.isCpu).toBe(false);
  meter.begin('tick');
  pass(60, 1);
  endTurn();
  expect([...meter.longest]).toEqual([['tick', 0.06]]);
});

it('of a start nothing counts, also not of the turn in which it ends', () => {
  const meter = meterWith(readCpu);
  meter.begin('restore');
  pass(60);
  endTurn();
  meter.begin('tick');
  pass(60); // loads what is needed
  meter.countFromNow();
  expect(meter.longest.size).toBe(0);
  meter.begin('tick');
  pass(8, 6);
  endTurn();
  expect([...meter.longest]).toEqual([['tick', 0.006]]);
  expect(meter.histogram.sum).toBeCloseTo(0.006);
});

it('what is begun in a turn belongs to it, whoever ends it', () => {
  const meter = meterWith(null);
  let woken = 0;
  meter.endsWith(() => {
    woken += 1;
  });
  meter.begin('http');
  meter.begin('metrics');
  expect([woken, ends.length]).toEqual([1, 0]);
  meter.end();
  meter.end();
  expect(counted(meter)).toEqual([[0.0001, 1]]);
});

it.runIf(process.platform === 'linux')('the CPU time of a thread grows as it works', () => {
  const cpu = threadCpu();
  if (cpu === null) return; // a kernel that does not count
  const before = cpu();
  const until = performance.now() + 50;
  let last = before;
  while (last - before < 1 && performance.now() < until + 5000) last = cpu();
  expect(last - before).toBeGreaterThanOrEqual(1);
});

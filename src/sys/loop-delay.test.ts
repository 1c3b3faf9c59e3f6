import { expect, it } from 'vitest';
import { manualClock } from '../base/index.ts';
import { watchLoopDelay } from './index.ts';

it('how late the event loop is, ten times a second, never below 0', () => {
  const clock = manualClock();
  let look = (): void => {};
  const { histogram, stop } = watchLoopDelay(clock, (work, everyMs) => {
    expect(everyMs).toBe(100);
    look = work;
    return () => {
      look = () => {};
    };
  });
  for (const ms of [100, 99.6, 104, 3100]) {
    clock.advance(ms);
    look();
  }
  const found = histogram.bounds.map((bound, at) => [bound, histogram.counts[at]]).filter(([, count]) => count !== 0);
  expect(found).toEqual([
    [0.001, 2],
    [0.005, 1],
  ]);
  expect(histogram.counts.at(-1)).toBe(1);
  expect(histogram.sum).toBeCloseTo(3.004);
  stop();
  look();
  expect(histogram.counts.reduce((sum, count) => sum + count)).toBe(4);
});

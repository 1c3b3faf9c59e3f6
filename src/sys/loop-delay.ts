import type { Repeat } from '../access/index.ts';
import { type Clock, Histogram } from '../base/index.ts';
import { inBackground } from './repeat.ts';

const EVERY_MS = 100;
const BOUNDS_S = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5];

/** How late the event loop is, in seconds: how much later than asked for it runs a timer, looked at ten times a second. */
export function watchLoopDelay(
  clock: Clock,
  repeat: Repeat = inBackground,
): { readonly histogram: Histogram; readonly stop: () => void } {
  const histogram = new Histogram(BOUNDS_S);
  let lastMs = clock.monotonicMs();
  const look = (): void => {
    const nowMs = clock.monotonicMs();
    // Timers have whole milliseconds, so one may come a little early.
    histogram.observe(Math.max(0, nowMs - lastMs - EVERY_MS) / 1000);
    lastMs = nowMs;
  };
  return { histogram, stop: repeat(look, EVERY_MS) };
}

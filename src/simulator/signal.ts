import type { Random } from './random.ts';

/** A measured quantity over time: `uptimeMs` to value. Called with times that do not fall. */
export type Signal = (uptimeMs: number) => number;

export type SignalShape = {
  readonly mean: number;
  /** Half the distance between the crests of the slow wave. */
  readonly swing: number;
  readonly periodMs: number;
  /** How far the slow drift strays, about. */
  readonly drift: number;
};

const DRIFT_MEMORY_MS = 60_000;

/** A slow wave with a drift on it: what a sensor in a room shows, fast enough to be seen within minutes. */
export function slowSignal(shape: SignalShape, random: Random): Signal {
  const phase = random() * 2 * Math.PI;
  let drift = 0;
  let lastMs = 0;
  return (uptimeMs) => {
    // Forgets the old drift at a pace that does not depend on how often it is asked.
    const keep = Math.exp(-Math.max(0, uptimeMs - lastMs) / DRIFT_MEMORY_MS);
    drift = drift * keep + shape.drift * Math.sqrt(1 - keep * keep) * (random() * 2 - 1) * Math.sqrt(3);
    lastMs = uptimeMs;
    return shape.mean + shape.swing * Math.sin(phase + (2 * Math.PI * uptimeMs) / shape.periodMs) + drift;
  };
}

/** The nearest multiple of a sensor's step. */
export function quantize(value: number, step: number): number {
  return Math.round(value / step) * step;
}

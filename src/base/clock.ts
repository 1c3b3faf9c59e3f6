/** Time as the rooms see it; injected, so that no test sleeps. */
export type Clock = {
  /** Monotonic milliseconds with a fraction. Never steps: for timers, deadlines and ages. */
  readonly monotonicMs: () => number;
  /** Wall time in whole microseconds since 1970 UTC. For time stamps only. `nowMs`: what `monotonicMs` has just said, if it was asked. */
  readonly wallMicros: (nowMs?: number) => number;
};

/** Called when the wall clock moved by more than a second against the monotonic one; `stepMs` is signed. */
export type OnWallStep = (stepMs: number) => void;

const RESYNC_MS = 1000;
const STEP_MS = 1000;

/**
 * The machine's clock. Microseconds come from the monotonic clock, anchored to the wall clock about once a second, so
 * that stamps within a burst are distinct and a step of the wall clock (NTP, an operator) is seen, reported and followed.
 */
export function systemClock(onWallStep: OnWallStep = () => {}): Clock {
  let anchorMono = performance.now();
  let anchorWallUs = Date.now() * 1000;

  return {
    monotonicMs: () => performance.now(),
    wallMicros: (mono = performance.now()) => {
      const elapsed = mono - anchorMono;
      if (elapsed >= RESYNC_MS) {
        const predictedMs = anchorWallUs / 1000 + elapsed;
        const actualMs = Date.now();
        const offMs = actualMs - predictedMs;
        if (Math.abs(offMs) > STEP_MS) onWallStep(offMs);
        // Below a millisecond the difference is only Date.now()'s resolution: keep the finer prediction.
        anchorWallUs = Math.abs(offMs) < 1 ? predictedMs * 1000 : actualMs * 1000;
        anchorMono = mono;
        return Math.floor(anchorWallUs);
      }
      return Math.floor(anchorWallUs + elapsed * 1000);
    },
  };
}

/** A clock that a test moves by hand. */
export type ManualClock = Clock & {
  /** Moves both clocks forward. */
  readonly advance: (ms: number) => void;
  /** Moves only the wall clock, as an operator or NTP would. */
  readonly stepWall: (ms: number) => void;
};

export function manualClock(startWallUs = 1_700_000_000_000_000): ManualClock {
  let mono = 0;
  let wall = startWallUs;
  return {
    monotonicMs: () => mono,
    wallMicros: () => wall,
    advance: (ms) => {
      mono += ms;
      wall += ms * 1000;
    },
    stepWall: (ms) => {
      wall += ms * 1000;
    },
  };
}

import { manualClock, TurnMeter } from '../../base/index.ts';

/** A meter whose clock moves by itself with each look at it, by what `stepMs` says, as if everything took that long. */
export function slowMeter(stepMs: () => number): TurnMeter {
  const spent = manualClock();
  const clock = {
    ...spent,
    monotonicMs: () => {
      spent.advance(stepMs());
      return spent.monotonicMs();
    },
  };
  return new TurnMeter({ clock });
}

import type { Turn } from './turn.ts';

const LOOKS_A_CLOCK = 16;

/**
 * Something that is done for each of many, in as many turns as it takes: what it returns begins a pass, unless one is under
 * way. `all` is gone through as it is then (a Set or Map may change meanwhile: what is new may be seen, what is gone is not).
 */
export function newPass<T>(turn: Turn, all: () => Iterable<T>, each: (one: T) => void): () => void {
  let underWay: Iterator<T> | null = null;
  const goOn = (): void => {
    for (let looked = 1; underWay !== null; looked++) {
      const next = underWay.next();
      if (next.done) underWay = null;
      else each(next.value);
      if (looked % LOOKS_A_CLOCK === 0 && turn.isLate() && underWay !== null) {
        turn.later(goOn);
        return;
      }
    }
  };
  return () => {
    if (underWay !== null) return;
    underWay = all()[Symbol.iterator]();
    goOn();
  };
}

/** Whether a list of recorded numbers is exactly what was published. */
export type Verdict = {
  readonly missing: number;
  readonly twice: number;
  readonly foreign: number;
  readonly disorder: number;
};

/** Compares recorded values with the numbers 0 to `count - 1`, each published once and in that order. */
export function checkEveryOnce(values: readonly unknown[], count: number): Verdict {
  const seen = new Uint32Array(count);
  let foreign = 0;
  let disorder = 0;
  let before = -1;
  for (const value of values) {
    if (typeof value !== 'number' || !Number.isInteger(value) || value < 0 || value >= count) {
      foreign += 1;
      continue;
    }
    seen[value]! += 1;
    if (value < before) disorder += 1;
    before = value;
  }
  return {
    missing: seen.filter((times) => times === 0).length,
    twice: seen.reduce((sum, times) => sum + Math.max(0, times - 1), 0),
    foreign,
    disorder,
  };
}

/** The sum of several verdicts. */
export function addVerdicts(verdicts: readonly Verdict[]): Verdict {
  const sum = (pick: (one: Verdict) => number): number => verdicts.reduce((total, one) => total + pick(one), 0);
  return {
    missing: sum((one) => one.missing),
    twice: sum((one) => one.twice),
    foreign: sum((one) => one.foreign),
    disorder: sum((one) => one.disorder),
  };
}

/** True when everything is there once and in order. */
export function isClean(verdict: Verdict): boolean {
  return verdict.missing + verdict.twice + verdict.foreign + verdict.disorder === 0;
}

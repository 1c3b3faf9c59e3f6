/**
 * Slows down who guesses. A SCRAM check costs microseconds, so it would let one guess faster than scrypt does: each
 * address has so many failures at once, and as many a second as the check pool has room for.
 */
export type FailureBrake = {
  /** False: this address failed too often just now; nothing of it is checked. */
  readonly allows: (address: string) => boolean;
  readonly failed: (address: string) => void;
  readonly size: () => number;
};

export type FailureBrakeOptions = {
  readonly burst: number;
  readonly perSecond: number;
  /** Addresses that are remembered; beyond it the one that failed the longest ago is forgotten. */
  readonly maxAddresses: number;
  readonly nowMs: () => number;
};

export function createFailureBrake({ burst, perSecond, maxAddresses, nowMs }: FailureBrakeOptions): FailureBrake {
  const failures = new Map<string, { count: number; atMs: number }>();

  const countOf = (address: string): number => {
    const known = failures.get(address);
    return known === undefined ? 0 : Math.max(0, known.count - ((nowMs() - known.atMs) / 1000) * perSecond);
  };

  return {
    allows: (address) => countOf(address) + 1 <= burst,
    failed(address) {
      const count = countOf(address) + 1;
      failures.delete(address);
      failures.set(address, { count, atMs: nowMs() });
      if (failures.size <= maxAddresses) return;
      const oldest = failures.keys().next();
      if (!oldest.done) failures.delete(oldest.value);
    },
    size: () => failures.size,
  };
}

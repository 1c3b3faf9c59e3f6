/** What one generator process has seen in one cell. Times are monotonic µs. */
export type HostResult = {
  readonly received: number;
  readonly missing: number;
  readonly duplicates: number;
  readonly gaps: number;
  /** Publishers to whom the broker still owes a PUBACK. */
  readonly unacknowledged: number;
  readonly faults: readonly string[];
  /** Counts of a `Histogram`. */
  readonly latencies: readonly number[];
  readonly startedAt: number;
  readonly lastAt: number;
  /** Of this generator process between start and stop; `busy` is the share of time its event loop was not idle. */
  readonly publishing: { readonly wallMicros: number; readonly cpuMicros: number; readonly busy: number };
};

/** When a value is old: measured by the topic's own pace, not by one rule for all. Times are milliseconds. */
export type Cadence = {
  /** Smoothed time between messages; null until two were seen. */
  readonly periodMs: number | null;
  readonly atUs: number;
  readonly messages: number;
};

const UNKNOWN_FRESH_MS = 60_000;
const LEAST_FRESH_MS = 5_000;
const SMOOTHING = 0.3;

/** Learns from one more sight of a topic: the time and the messages that passed since the last one. */
export function nextCadence(before: Cadence | undefined, atUs: number, messages: number): Cadence {
  if (before === undefined || messages < before.messages) return { periodMs: null, atUs, messages };
  const count = messages - before.messages;
  if (count === 0 || atUs <= before.atUs) return before;
  const period = (atUs - before.atUs) / 1000 / count;
  const known = before.periodMs;
  return { periodMs: known === null ? period : known + SMOOTHING * (period - known), atUs, messages };
}

/** Whether a value of this age is older than its topic's pace explains. */
export function isStale(ageMs: number, cadence: Cadence | undefined): boolean {
  const period = cadence?.periodMs ?? null;
  if (period === null) return ageMs > UNKNOWN_FRESH_MS;
  return ageMs > Math.max(3 * period, LEAST_FRESH_MS);
}

/**
 * How far this machine's clock is ahead of the server's, in milliseconds, from what the server said its time was. The
 * answer took a moment, so that a difference of less than two seconds is not believed.
 */
export function clockOffset(serverNow: string, localMs: number): number {
  const server = Date.parse(serverNow);
  if (Number.isNaN(server)) return 0;
  const offset = localMs - server;
  return Math.abs(offset) > 2000 ? offset : 0;
}

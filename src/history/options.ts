import type { Clock, Logger, Reached } from '../base/index.ts';
import { DECODE_LIMITS } from './decoders/index.ts';

/** What history may use. Every one has a default in `HISTORY_DEFAULTS`. */
export type HistoryLimits = {
  /** QoS 0 messages on their way to history: payload bytes plus 16 a message. Beyond it `offer` refuses. */
  readonly qos0BufferBytes: number;
  /** Payload bytes (plus 100 an entry) that may wait in the recorder's durable queue before publishers are slowed. */
  readonly queueHighBytes: number;
  /** A message waits at most this long before its batch is sent; at most 250, which is what a kill may take of QoS 0. */
  readonly commitIntervalMs: number;
  /** A batch of this many messages goes without waiting. */
  readonly earlyMessages: number;
  /** A batch of this many payload bytes goes without waiting. */
  readonly earlyBytes: number;
  /** DuckDB's buffer pool; the process is about 150 MB larger. */
  readonly memoryLimitMb: number;
  /** DuckDB's spill files, of queries and exports. */
  readonly tempLimitMb: number;
  /** Threads of DuckDB for each query; 1 is also the fastest for the writer and leaves the other cores to the broker. */
  readonly threads: number;
  /** Write-ahead log that is folded into the database at once; a smaller one when history is idle. */
  readonly checkpointMb: number;
  /** Queries that run at once. */
  readonly maxQueries: number;
  /** Queries that wait for a turn; beyond it HistoryError `busy`. */
  readonly maxWaitingQueries: number;
  /** A query that takes longer is stopped with HistoryError `timeout`. */
  readonly queryTimeoutMs: number;
  /** Rows of one `points` answer; more are cut. */
  readonly maxPoints: number;
  /** Exports that run at once; beyond it HistoryError `busy`. */
  readonly maxExports: number;
  /** An export whose reader has taken nothing for this long is stopped. */
  readonly exportStallMs: number;
  /** Series of one world; what would open another one is kept as text in the world's overflow series. */
  readonly maxSeries: number;
  /** Nested objects and arrays of a JSON payload; deeper ones are kept as text. */
  readonly maxJsonDepth: number;
  /** Values of one payload; larger ones are kept as text. */
  readonly maxPathsPerPayload: number;
  /** Length of one string in a JSON payload; a payload with a longer one is kept as text. */
  readonly maxTextLength: number;
  /** Nice value of the process, 0 (as the broker) to 19. Above 0 it is also of Linux's `idle` class while it keeps up. */
  readonly niceness: number;
  /** First pause before a dead process is started again; doubled up to `maxRestartMs` while it keeps dying. */
  readonly restartMs: number;
  readonly maxRestartMs: number;
  /** How long `start` waits for the database, e.g. for the lock of a process that is just ending. */
  readonly openTimeoutMs: number;
  /** How long `stop` waits for what is buffered. */
  readonly stopTimeoutMs: number;
  /** A process that says nothing for this long is killed and started again. */
  readonly silenceMs: number;
};

export type HistoryOptions = Partial<HistoryLimits> & {
  /** The DuckDB file. Its `.wal` and a folder for temporary files stand beside it. */
  readonly file: string;
  readonly logger: Logger;
  readonly clock: Clock;
  /** Where it counts what is beyond a bound. */
  readonly reached?: Reached;
};

export const HISTORY_DEFAULTS: HistoryLimits = {
  qos0BufferBytes: 64 * 1024 * 1024,
  queueHighBytes: 256 * 1024 * 1024,
  commitIntervalMs: 150,
  earlyMessages: 5000,
  earlyBytes: 256 * 1024,
  memoryLimitMb: 256,
  tempLimitMb: 4096,
  threads: 1,
  checkpointMb: 32,
  maxQueries: 2,
  maxWaitingQueries: 32,
  queryTimeoutMs: 30_000,
  maxPoints: 1_000_000,
  maxExports: 4,
  exportStallMs: 60_000,
  maxSeries: 100_000,
  maxJsonDepth: DECODE_LIMITS.maxDepth,
  maxPathsPerPayload: DECODE_LIMITS.maxPaths,
  maxTextLength: DECODE_LIMITS.maxTextLength,
  niceness: 10,
  restartMs: 100,
  maxRestartMs: 10_000,
  openTimeoutMs: 15_000,
  stopTimeoutMs: 3000,
  silenceMs: 60_000,
};

/** The limits with their defaults; a value that is no positive number is refused by name (RangeError). */
export function resolveLimits(options: Partial<HistoryLimits>): HistoryLimits {
  const limits: Record<string, number> = { ...HISTORY_DEFAULTS };
  for (const name of Object.keys(HISTORY_DEFAULTS) as (keyof HistoryLimits)[]) {
    const value = options[name];
    if (value === undefined) continue;
    const least = name === 'niceness' || name === 'maxWaitingQueries' ? 0 : 1;
    if (!Number.isInteger(value) || value < least) {
      throw new RangeError(`history option ${name} must be a whole number of at least ${least}, not ${String(value)}`);
    }
    limits[name] = value;
  }
  const resolved = limits as HistoryLimits;
  if (resolved.commitIntervalMs > 250) throw new RangeError('history option commitIntervalMs must be at most 250');
  if (resolved.maxJsonDepth > 512) throw new RangeError('history option maxJsonDepth must be at most 512');
  return resolved;
}

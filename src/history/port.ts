import type { Qos0Recorder } from '../broker/index.ts';
import type { Origin } from '../store/index.ts';

/** What history needs of the broker: the recorder's durable queue (QoS 1 and 2). The broker's side implements it. */
export type RecorderSource = {
  readonly incarnation: string;
  /** Of a store that was restored: stores whose messages it went on with. See `originOf`. */
  readonly origins: readonly Origin[];
  /** Unacknowledged entries after `after`, in order; at most `limit` and about `maxBytes` of payload. */
  readonly read: (after: number, limit: number, maxBytes: number) => Promise<readonly RecorderEntry[]>;
  /** Everything up to and with `number` is in the history database. */
  readonly ackThrough: (number: number) => void;
  /** All up to this number was taken by the history of then, before this broker; 0: nobody knows. */
  readonly takenBefore: number;
  /** Entries and payload bytes that wait. */
  readonly depth: () => { readonly entries: number; readonly bytes: number };
  /** `wake` is called (cheaply) when entries have come. `isFull`: publishers wait for room, so that they are taken at once. */
  readonly onEntries: (wake: (isFull: boolean) => void) => void;
};

export type RecorderEntry = {
  readonly number: number;
  readonly message: {
    readonly world: number;
    readonly topic: string;
    readonly payload: Uint8Array;
    readonly arrivedUs: number;
  };
};

/** The place for QoS 0 messages, as the broker asks for it. */
export type Qos0Intake = Qos0Recorder;

/** A value as history gives it back: a number, a gap mark (null), exact text, or bytes that are no UTF-8. */
export type PointValue = number | string | null | { readonly base64: string };

/** Times are microseconds since 1970 UTC. */
export type SeriesRow = {
  readonly id: number;
  readonly topic: string;
  /** `value` for a bare number; else the path in the JSON: `kT`, `a.b`, `a[0]`. */
  readonly field: string;
  readonly unit: string | null;
  readonly count: number;
  readonly firstUs: number | null;
  readonly lastUs: number | null;
  readonly lastValue: PointValue;
};

/** Bytes at their reader's pace. */
export type ByteSource = {
  /** The next bytes, the caller's until it asks again; null: the end. Rejects with HistoryError. */
  readonly next: () => Promise<Uint8Array | null>;
  /** Nothing more is wanted: what waits in `next` gets null. Who has a source closes it, also after its end. */
  readonly close: () => void;
};

/** An answer as JSON in UTF-8, as the history process wrote it: whole where it is small. */
export type JsonAnswer = {
  /** There is more than was asked for. */
  readonly truncated: boolean;
  readonly body: Buffer | ByteSource;
};

export type PointsQuery = {
  readonly world: number;
  readonly topic: string;
  readonly field: string;
  readonly fromUs: number | null;
  readonly toUs: number | null;
};

export type ExportQuery = {
  readonly world: number;
  readonly topic: string;
  /** null: every field of the topic, one column each. */
  readonly field: string | null;
  readonly fromUs: number | null;
  readonly toUs: number | null;
  readonly format: 'csv' | 'parquet' | 'hdf5';
};

export type HistoryState = 'starting' | 'ok' | 'behind' | 'down';

/** Something in history's files that was written once and cannot be read now. */
export type HistoryDamage = {
  readonly file: string;
  readonly what: string;
  /** Where the damaged file is kept; null: where it was. */
  readonly kept: string | null;
};

export type HistoryStatus = {
  readonly state: HistoryState;
  /** One sentence for people; empty when all is well. */
  readonly detail: string;
  readonly recordedMessages: number;
  readonly recordedPoints: number;
  /** QoS 0 messages that were lost on their way to history, with the reason in the log. */
  readonly droppedMessages: number;
  readonly bufferedBytes: number;
  /** Age of the oldest QoS 0 message that is not committed: what a crash now would lose is not older. 0 when there is none. */
  readonly behindS: number;
  /** How long its process has not answered to what it was given; 0 when nothing is under way. */
  readonly inFlightMs: number;
  /** QoS 1 and 2 messages that wait in the durable queue. */
  readonly queuedMessages: number;
  readonly lastCommitUs: number | null;
  /** Series of all worlds, as of the last commit. */
  readonly series: number;
  readonly restarts: number;
  readonly pid: number | null;
  /** All that was found damaged since Sonde was started. */
  readonly damage: readonly HistoryDamage[];
};

/** History as the broker's process sees it: a child process behind it does the work. */
export type History = {
  /** `mayOpen`: its process begins at once, and opens the file when this resolves. */
  readonly start: (mayOpen?: Promise<unknown>) => Promise<void>;
  /** Commits what is buffered, then ends the process: in 4 s, or by `byMs` (monotonic) where that is earlier. */
  readonly stop: (byMs?: number) => Promise<void>;
  readonly intake: Qos0Intake;
  /** Attaches the recorder's queue and begins to drain it. Called once, before the broker listens. */
  readonly drain: (source: RecorderSource) => void;
  readonly status: () => HistoryStatus;
  readonly series: (world: number, filter: string, limit: number) => Promise<readonly SeriesRow[]>;
  /**
   * `{"points":[[ISO time, value],...]}`, a value being a number, null for a gap, text, or `{"base64":...}`. In the order of
   * time, ties by arrival; the first `limit` at or after `fromUs`, up to but without `toUs`.
   */
  readonly points: (query: PointsQuery, limit: number) => Promise<JsonAnswer>;
  /** `{"points":[[ISO time, min, avg, max],...]}`: at most `buckets` buckets of equal width over the asked span (or over the series' own). */
  readonly buckets: (query: PointsQuery, buckets: number) => Promise<JsonAnswer>;
  readonly export: (query: ExportQuery) => Promise<ByteSource>;
  /** Copies all that is committed into a new database file, as of one moment; recording goes on meanwhile. */
  readonly backup: (file: string) => Promise<void>;
};

/** A query that could not be answered, with why. */
export class HistoryError extends Error {
  readonly code: 'unknown-series' | 'busy' | 'timeout' | 'no-memory' | 'unavailable' | 'failed';

  constructor(code: HistoryError['code'], text: string) {
    super(text);
    this.name = 'HistoryError';
    this.code = code;
  }
}

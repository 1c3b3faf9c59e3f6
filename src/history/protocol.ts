import type { LogFields } from '../base/index.ts';
import type { HistoryLimits } from './options.ts';
import type { ExportQuery, HistoryDamage, HistoryError, PointsQuery, PointValue } from './port.ts';
import type { Stretch } from './stretches.ts';

/**
 * What crosses between the broker's process and the history process (IPC, structured clone: typed arrays stay binary).
 *
 *     broker                        history
 *       open                   ->
 *                              <-   ready (positions) | fatal
 *       batch                  ->
 *                              <-   committed | refused
 *       call                   ->
 *                              <-   answer, file or failure here; points, buckets and CSV as bytes on a pipe (`frames.ts`)
 *       pull, cancel           ->
 *       stop                   ->
 *                              <-   stopped
 */
export type ToProcess =
  | {
      readonly kind: 'open';
      readonly file: string;
      readonly limits: HistoryLimits;
      readonly run: string;
      /** Processes before this one crashed while they opened the file: it is set aside. */
      readonly crashed: boolean;
      /** A start of Sonde waits for it: it steps back behind the broker (`niceness`) when it is open. */
      readonly isWaitedFor: boolean;
    }
  | Batch
  | { readonly kind: 'call'; readonly id: number; readonly call: Call }
  /** The reader of a call's bytes has room for so many more than the first `FIRST_BYTES`. */
  | { readonly kind: 'pull'; readonly id: number; readonly bytes: number }
  /** Nobody wants the rest; a file that was named may go. */
  | { readonly kind: 'cancel'; readonly id: number }
  | { readonly kind: 'ping' }
  | { readonly kind: 'stop' };

export type FromProcess =
  | { readonly kind: 'ready'; readonly positions: readonly Stretch[] }
  | { readonly kind: 'fatal'; readonly text: string; readonly advice: string }
  | Committed
  | { readonly kind: 'refused'; readonly batch: number; readonly text: string }
  | { readonly kind: 'answer'; readonly id: number; readonly value: Answer }
  | { readonly kind: 'failure'; readonly id: number; readonly code: HistoryError['code']; readonly text: string }
  | { readonly kind: 'file'; readonly id: number; readonly path: string }
  | { readonly kind: 'pong' }
  | { readonly kind: 'damage'; readonly damage: HistoryDamage }
  | { readonly kind: 'stopped' }
  | {
      readonly kind: 'log';
      readonly level: 'debug' | 'info' | 'warn' | 'error';
      readonly fields: LogFields;
      readonly text: string;
    };

/** Topics that the process does not know yet: numbers from `from` on. A new `id` means: forget all others. */
export type TopicsPart = {
  readonly id: number;
  readonly from: number;
  readonly worlds: readonly number[];
  readonly topics: readonly string[];
};

/** Messages as columns; see `recorder/arena.ts`. */
export type MessageColumns = {
  readonly count: number;
  readonly topics: Uint32Array;
  readonly arrived: Float64Array;
  readonly ends: Uint32Array;
  readonly payload: Uint8Array;
};

/** Sent again, the same, after the process has died: its positions decide whether it was committed. */
export type Batch = {
  readonly kind: 'batch';
  readonly batch: number;
  readonly topics: readonly TopicsPart[];
  /** `dictionary` is the one that `topics` numbers are of. `number` grows by one a batch and run. */
  readonly qos0: { readonly number: number; readonly dictionary: number; readonly messages: MessageColumns } | null;
  readonly queue: {
    /** Of the store that gave the messages their numbers. */
    readonly incarnation: string;
    readonly dictionary: number;
    /** No message of the queue has a number from this one up to the first of `numbers`. */
    readonly since: number;
    /** Of each message, growing. */
    readonly numbers: Float64Array;
    readonly messages: MessageColumns;
  } | null;
};

export type Committed = {
  readonly kind: 'committed';
  readonly batch: number;
  /** What this transaction added: 0 when it was in already. */
  readonly messages: number;
  readonly points: number;
  readonly committedUs: number;
  /** Messages of this transaction that are kept as text, since they are beyond a bound. */
  readonly cut: Cut;
  /** Series of all worlds, after it. */
  readonly series: number;
};

/** Messages by the bound that they are beyond. */
export type Cut = {
  maxSeries: number;
  maxJsonDepth: number;
  maxJsonPaths: number;
  maxJsonTextChars: number;
};

export function nothingCut(): Cut {
  return { maxSeries: 0, maxJsonDepth: 0, maxJsonPaths: 0, maxJsonTextChars: 0 };
}

export type Call =
  | { readonly name: 'series'; readonly world: number; readonly filter: string; readonly limit: number }
  | { readonly name: 'points'; readonly query: PointsQuery; readonly limit: number }
  | { readonly name: 'buckets'; readonly query: PointsQuery; readonly buckets: number }
  | { readonly name: 'export'; readonly query: ExportQuery }
  | { readonly name: 'backup'; readonly file: string };

export type SeriesColumns = {
  readonly ids: readonly number[];
  readonly topics: readonly string[];
  readonly fields: readonly string[];
  readonly units: readonly (string | null)[];
  readonly counts: readonly number[];
  readonly firsts: readonly (number | null)[];
  readonly lasts: readonly (number | null)[];
  readonly lastValues: readonly PointValue[];
};

/** `begun`: an export's bytes or file follow. `copied`: a backup is whole. */
export type Answer = SeriesColumns | 'begun' | 'copied';

/** The name under which a queue's position is kept. */
export function queueSource(incarnation: string): string {
  return `queue:${incarnation}`;
}

/** The name under which the position of one broker run's QoS 0 batches is kept. */
export function qos0Source(run: string): string {
  return `qos0:${run}`;
}

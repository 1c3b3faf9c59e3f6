import type { DiskPart, RawPoint } from '../model/chart-columns.ts';
import { diskEndUs } from '../model/chart-columns.ts';
import { isoMicros } from '../model/format.ts';
import type { Range } from '../model/ranges.ts';
import { windowOf } from '../model/ranges.ts';
import type { PointsQuery, Rest } from '../net/rest.ts';

/** Reads one field's window from history. */
export type DiskReader = {
  /** All of it: point by point when it is few, else in buckets with the newest minute point by point. */
  readonly whole: (signal: AbortSignal) => Promise<DiskPart>;
  /** What was known, with what came since; all of it anew when that has become too much. */
  readonly since: (known: DiskPart, signal: AbortSignal) => Promise<DiskPart>;
};

export type DiskReaderOptions = {
  readonly rest: Pick<Rest, 'points' | 'buckets'>;
  readonly topic: string;
  readonly field: string;
  readonly range: Range;
  /** Points that the window is expected to hold; far above the limit, the first question is already for buckets. */
  readonly expected: number;
  /** The server's wall clock, milliseconds. */
  readonly nowMs: () => number;
};

/** More points than this are drawn as buckets: a chart has no more pixels. */
const RAW_LIMIT = 3000;
const BUCKETS = 600;
const TAIL_MS = 60_000;
/** A tail of so many points is better told by new buckets. */
const MOST_TAIL = 1500;

export function createDiskReader(options: DiskReaderOptions): DiskReader {
  const { rest, topic, field, range, expected, nowMs } = options;

  const ask = (fromUs: number | null): PointsQuery => {
    const { toMs } = windowOf(range, nowMs());
    const from = fromUs === null ? null : isoMicros(fromUs);
    return { topic, field, from, to: toMs === null ? null : isoMicros(toMs * 1000) };
  };
  const startUs = (): number | null => {
    const { fromMs } = windowOf(range, nowMs());
    return fromMs === null ? null : fromMs * 1000;
  };
  const points = (fromUs: number | null, signal: AbortSignal) => rest.points(ask(fromUs), RAW_LIMIT + 1, signal);

  /** `known` and what came at its last instant or later: another point of that microsecond may have been committed. */
  const extend = async (known: readonly RawPoint[], fromUs: number, signal: AbortSignal): Promise<RawPoint[]> => {
    const more = await points(fromUs, signal);
    return [...known.filter(([atUs]) => atUs < fromUs), ...more];
  };

  const whole = async (signal: AbortSignal): Promise<DiskPart> => {
    if (expected <= RAW_LIMIT * 1.5) {
      const all = await points(startUs(), signal);
      const numbers = all.some(([, value]) => typeof value === 'number');
      if (all.length <= RAW_LIMIT || !numbers) return { kind: 'raw', points: all };
    }
    const buckets = await rest.buckets(ask(startUs()), BUCKETS, signal);
    const tail = windowOf(range, 0).toMs === null ? await points((nowMs() - TAIL_MS) * 1000, signal) : [];
    return { kind: 'buckets', buckets, tail };
  };

  const since = async (known: DiskPart, signal: AbortSignal): Promise<DiskPart> => {
    if (known.kind === 'buckets') {
      const fromUs = known.tail.at(-1)?.[0] ?? (nowMs() - TAIL_MS) * 1000;
      const tail = await extend(known.tail, fromUs, signal);
      return tail.length > MOST_TAIL ? whole(signal) : { ...known, tail };
    }
    if (known.points.length === 0) return whole(signal);
    const first = startUs() ?? Number.NEGATIVE_INFINITY;
    const all = (await extend(known.points, diskEndUs(known), signal)).filter(([atUs]) => atUs >= first);
    return all.length > RAW_LIMIT * 1.5 ? whole(signal) : { kind: 'raw', points: all };
  };

  return { whole, since };
}

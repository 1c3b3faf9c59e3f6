import type { Columns, DiskPart, LivePoint, RawPoint } from '../model/chart-columns.ts';
import { buildColumns, diskEndUs } from '../model/chart-columns.ts';
import { isoMicros } from '../model/format.ts';
import { breakGaps } from '../model/gaps.ts';
import type { Range } from '../model/ranges.ts';
import { isLive, windowOf } from '../model/ranges.ts';
import type { PointsQuery, Rest } from '../net/rest.ts';
import { RestError } from '../net/rest.ts';
import { oncePerFrame } from './frame.ts';

export type FieldSnapshot = {
  readonly columns: Columns;
  /** `buckets`: the window holds more points than are drawn one by one. */
  readonly kind: DiskPart['kind'];
  readonly loading: boolean;
  /** Why history gave nothing, as a sentence; what came live is shown all the same. */
  readonly fault: string;
  /** Newest last: what is not a number is here only. */
  readonly recent: readonly RecentValue[];
};

export type RecentValue = { readonly atUs: number; readonly value: RawPoint[1]; readonly onDisk: boolean };

/** One field of one topic over one window: from disk, then live, and the live part made good from disk. */
export type FieldHistory = {
  readonly snapshot: () => FieldSnapshot;
  readonly subscribe: (listener: () => void) => () => void;
  readonly addLive: (atUs: number, value: RawPoint[1]) => void;
  /** Arrival time up to which the server says that values are on disk. */
  readonly setCommit: (lastCommitUs: number | null) => void;
  /** Asks for everything again; after a reconnect. */
  readonly reload: () => void;
  readonly end: () => void;
};

export type FieldHistoryOptions = {
  readonly rest: Rest;
  readonly topic: string;
  readonly field: string;
  readonly range: Range;
  /** Points that the window is expected to hold; above the limit the first question is already for buckets. */
  readonly expected: number;
  /** The server's wall clock, milliseconds. */
  readonly nowMs: () => number;
};

/** More points than this are drawn as buckets: a chart has no more pixels. */
const RAW_LIMIT = 3000;
const BUCKETS = 600;
const MAX_LIVE = 20_000;
const REFRESH_MS = 5000;
const RECENT = 60;

export function createFieldHistory(options: FieldHistoryOptions): FieldHistory {
  const { rest, topic, field, range, nowMs } = options;
  const listeners = new Set<() => void>();
  let disk: DiskPart = { kind: 'raw', points: [] };
  let live: (LivePoint & { readonly shown: RawPoint[1] })[] = [];
  let lastCommitUs: number | null = null;
  let loading = true;
  let fault = '';
  let abort = new AbortController();
  let changed = true;
  let ended = false;
  let snapshot = make();

  function make(): FieldSnapshot {
    const columns = breakGaps(buildColumns(disk, live, lastCommitUs));
    return { columns, kind: disk.kind, loading, fault, recent: recentOf() };
  }

  function recentOf(): readonly RecentValue[] {
    const endUs = diskEndUs(disk);
    const sureUs = Math.max(endUs, lastCommitUs ?? Number.NEGATIVE_INFINITY);
    const onDisk =
      disk.kind === 'raw' ? disk.points.slice(-RECENT).map(([atUs, value]) => ({ atUs, value, onDisk: true })) : [];
    const later = live.filter((point) => disk.kind === 'buckets' || point.atUs > endUs);
    const arrived = later
      .slice(-RECENT)
      .map((point) => ({ atUs: point.atUs, value: point.shown, onDisk: point.atUs <= sureUs }));
    return [...onDisk, ...arrived].slice(-RECENT);
  }

  const commit = oncePerFrame(() => {
    if (ended) return;
    snapshot = make();
    for (const listener of listeners) listener();
  });

  const query = (fromUs: number | null): PointsQuery => {
    const { toMs } = windowOf(range, nowMs());
    const iso = (us: number) => isoMicros(us);
    return { topic, field, from: fromUs === null ? null : iso(fromUs), to: toMs === null ? null : iso(toMs * 1000) };
  };

  const windowStartUs = (): number | null => {
    const { fromMs } = windowOf(range, nowMs());
    return fromMs === null ? null : fromMs * 1000;
  };

  const fetchAll = async (signal: AbortSignal): Promise<DiskPart> => {
    const asked = query(windowStartUs());
    if (options.expected <= RAW_LIMIT * 1.5) {
      const points = await rest.points(asked, RAW_LIMIT + 1, signal);
      if (points.length <= RAW_LIMIT || !points.some(([, value]) => typeof value === 'number'))
        return { kind: 'raw', points };
    }
    return { kind: 'buckets', buckets: await rest.buckets(asked, BUCKETS, signal) };
  };

  /** The part that came since, for a raw chart; one question of a few rows. */
  const fetchTail = async (signal: AbortSignal): Promise<DiskPart> => {
    if (disk.kind !== 'raw' || disk.points.length === 0) return fetchAll(signal);
    // From the last known instant itself: another point of the same microsecond may have been committed since.
    const endUs = diskEndUs(disk);
    const points = await rest.points(query(endUs), RAW_LIMIT + 1, signal);
    const startUs = windowStartUs() ?? Number.NEGATIVE_INFINITY;
    const all = [...disk.points.filter(([atUs]) => atUs >= startUs && atUs < endUs), ...points];
    return all.length > RAW_LIMIT * 1.5 ? fetchAll(signal) : { kind: 'raw', points: all };
  };

  const load = async (fetchPart: (signal: AbortSignal) => Promise<DiskPart>): Promise<void> => {
    abort.abort();
    abort = new AbortController();
    const { signal } = abort;
    try {
      disk = await fetchPart(signal);
      const endUs = diskEndUs(disk);
      if (disk.kind === 'raw') live = live.filter((point) => point.atUs > endUs);
      fault = '';
    } catch (error) {
      if (signal.aborted) return;
      // Not recorded yet is no fault: the first point may be on its way.
      fault = error instanceof RestError && error.status === 404 ? '' : (error as Error).message;
    }
    loading = false;
    commit();
  };

  void load(fetchAll);
  const timer = setInterval(() => {
    if (document.hidden || !changed || !isLive(range)) return;
    changed = false;
    void load(disk.kind === 'raw' ? fetchTail : fetchAll);
  }, REFRESH_MS);

  return {
    snapshot: () => snapshot,
    subscribe: (listener) => {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    addLive: (atUs, value) => {
      if (atUs <= (live.at(-1)?.atUs ?? Number.NEGATIVE_INFINITY)) return;
      if (range.kind === 'custom' && (atUs < range.fromMs * 1000 || atUs >= range.toMs * 1000)) return;
      live.push({ atUs, value: typeof value === 'number' ? value : null, shown: value });
      if (live.length > MAX_LIVE) live = live.slice(MAX_LIVE / 2);
      changed = true;
      commit();
    },
    setCommit: (us) => {
      if (us === lastCommitUs) return;
      lastCommitUs = us;
      commit();
    },
    reload: () => {
      changed = true;
      void load(fetchAll);
    },
    end: () => {
      ended = true;
      clearInterval(timer);
      abort.abort();
    },
  };
}

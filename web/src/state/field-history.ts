import type { Columns, DiskPart, LivePoint, PointValue } from '../model/chart-columns.ts';
import { buildColumns, diskEndUs } from '../model/chart-columns.ts';
import { breakGaps } from '../model/gaps.ts';
import { isLive } from '../model/ranges.ts';
import { RestError } from '../net/rest.ts';
import type { DiskReaderOptions } from './disk-reader.ts';
import { createDiskReader } from './disk-reader.ts';
import { oncePerFrame } from './frame.ts';

export type FieldSnapshot = {
  readonly columns: Columns;
  /** `buckets`: the window holds more points than are drawn one by one. */
  readonly kind: DiskPart['kind'];
  readonly loading: boolean;
  /** Why history gave nothing, as a sentence; what came live is shown all the same. */
  readonly fault: string;
  /** The newest values one by one, newest last: what is not a number is here only. */
  readonly recent: readonly RecentValue[];
};

export type RecentValue = { readonly atUs: number; readonly value: PointValue; readonly onDisk: boolean };

/** One field of one topic over one window: from disk, then live, and the live part made good from disk. */
export type FieldHistory = {
  readonly snapshot: () => FieldSnapshot;
  readonly subscribe: (listener: () => void) => () => void;
  readonly addLive: (atUs: number, arrivedUs: number, value: PointValue) => void;
  /** What arrived until then is on disk. */
  readonly setSure: (sureUs: number | null) => void;
  /** Asks for everything again; after a reconnect. */
  readonly reload: () => void;
  readonly end: () => void;
};

type Live = LivePoint & { readonly shown: PointValue };

const MAX_LIVE = 20_000;
const REFRESH_MS = 2500;
const RECENT = 60;

export function createFieldHistory(options: DiskReaderOptions): FieldHistory {
  const { range } = options;
  const reader = createDiskReader(options);
  const listeners = new Set<() => void>();
  let disk: DiskPart = { kind: 'raw', points: [] };
  let live: Live[] = [];
  let sureUs: number | null = null;
  let loading = true;
  let fault = '';
  /** The question that is under way; another one waits for its answer, however slow history is. */
  let asking: AbortController | null = null;
  /** A value came for a time that is drawn already: it stands somewhere inside of what history has. */
  let backdated = false;
  let ended = false;
  let snapshot = make();

  function make(): FieldSnapshot {
    const columns = breakGaps(buildColumns(disk, live, sureUs));
    return { columns, kind: disk.kind, loading, fault, recent: recentOf(disk, live, sureUs) };
  }

  const commit = oncePerFrame(() => {
    if (ended) return;
    snapshot = make();
    for (const listener of listeners) listener();
  });

  const load = async (whole: boolean): Promise<void> => {
    asking?.abort();
    const own = new AbortController();
    asking = own;
    try {
      disk = await (whole ? reader.whole(own.signal) : reader.since(disk, own.signal));
      const endUs = diskEndUs(disk);
      live = live.filter((point) => point.atUs > endUs);
      fault = '';
    } catch (error) {
      if (own.signal.aborted) return;
      // Not recorded yet is no fault: the first point may be on its way.
      fault = error instanceof RestError && error.status === 404 ? '' : (error as Error).message;
      if (whole) backdated = true;
    } finally {
      if (asking === own) asking = null;
    }
    loading = false;
    commit();
  };

  void load(true);
  const timer = setInterval(() => {
    const unproven = live.length > 0 || backdated || fault !== '';
    if (document.hidden || asking !== null || !unproven || !isLive(range)) return;
    const whole = backdated;
    backdated = false;
    void load(whole);
  }, REFRESH_MS);

  return {
    snapshot: () => snapshot,
    subscribe: (listener) => {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    addLive: (atUs, arrivedUs, value) => {
      const last = live.at(-1);
      if (last !== undefined && arrivedUs <= last.arrivedUs && atUs <= last.atUs) return;
      if (atUs <= Math.max(last?.atUs ?? Number.NEGATIVE_INFINITY, diskEndUs(disk))) {
        backdated ||= atUs < diskEndUs(disk) || last !== undefined;
        return;
      }
      if (range.kind === 'custom' && (atUs < range.fromMs * 1000 || atUs >= range.toMs * 1000)) return;
      live.push({ atUs, arrivedUs, value: typeof value === 'number' ? value : null, shown: value });
      if (live.length > MAX_LIVE) live = live.slice(MAX_LIVE / 2);
      commit();
    },
    setSure: (us) => {
      if (us === sureUs) return;
      sureUs = us;
      commit();
    },
    reload: () => void load(true),
    end: () => {
      ended = true;
      clearInterval(timer);
      asking?.abort();
    },
  };
}

function recentOf(disk: DiskPart, live: readonly Live[], sureUs: number | null): readonly RecentValue[] {
  const endUs = diskEndUs(disk);
  const sure = sureUs ?? Number.NEGATIVE_INFINITY;
  const stored = disk.kind === 'raw' ? disk.points : disk.tail;
  const onDisk = stored.slice(-RECENT).map(([atUs, value]) => ({ atUs, value, onDisk: true }));
  const arrived = live
    .filter((point) => point.atUs > endUs)
    .slice(-RECENT)
    .map(({ atUs, arrivedUs, shown }) => ({ atUs, value: shown, onDisk: arrivedUs <= sure }));
  return [...onDisk, ...arrived].slice(-RECENT);
}

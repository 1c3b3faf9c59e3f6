import { getHeapStatistics } from 'node:v8';
import { isOwner } from '../access/index.ts';
import type { ComputedTopics, Traffic, Viewer } from '../broker/index.ts';
import { Board, type Reader } from './board.ts';
import { Load } from './load.ts';
import type { Sys, SysOptions } from './port.ts';
import { inBackground } from './repeat.ts';
import { LOADS, type Moment, topicsAt } from './topics.ts';

/** Filters under `$SYS/` that one connection may be subscribed to. */
const MAX_FILTERS = 64;

/**
 * Makes the topics under `$SYS/broker/`: the whole server's for its owner, their own world's for others. While nobody
 * reads them only the load averages are kept.
 */
export function createSys(options: SysOptions): Sys {
  const { clock, source, version, intervalSeconds, repeat = inBackground, heapBytes = heapInUse } = options;
  const startedMs = clock.monotonicMs();
  let roundMs = startedMs;
  let heapMaximum = heapBytes();

  const boards = new Map<number | null, Board>();
  const loads = new Map<number | null, ReadonlyMap<string, Load>>();
  const readers = new Map<Viewer, { readonly board: Board; readonly reader: Reader }>();

  const loadsOf = (scope: number | null): ReadonlyMap<string, Load> => {
    let found = loads.get(scope);
    if (!found) {
      const names = Object.keys(LOADS).filter((name) => scope === null || LOADS[name] !== 'connectionsTotal');
      const counts = countsOf(scope);
      found = new Map(names.map((name) => [name, new Load(counts(name))]));
      loads.set(scope, found);
    }
    return found;
  };

  const countsOf = (scope: number | null): ((name: string) => number) => {
    const counts = source.traffic(scope);
    return (name) => counts[LOADS[name] as keyof Traffic];
  };

  const values = (scope: number | null): Map<string, string> => {
    const stats = scope === null ? source.stats() : source.worldStats(scope);
    if (stats === null) return new Map();
    const uptimeS = (clock.monotonicMs() - startedMs) / 1000;
    const current = scope === null ? heapBytes() : 0;
    heapMaximum = Math.max(heapMaximum, current);
    const heap: Moment['heap'] = scope === null ? { current, maximum: heapMaximum } : null;
    return topicsAt({ version, uptimeS, stats, loads: loadsOf(scope), heap });
  };

  const boardOf = (scope: number | null): Board => {
    let board = boards.get(scope);
    if (!board) {
      board = new Board(() => values(scope), clock.monotonicMs);
      boards.set(scope, board);
    }
    return board;
  };

  const round = (): void => {
    options.turns?.begin('sys');
    const nowMs = clock.monotonicMs();
    const seconds = (nowMs - roundMs) / 1000;
    roundMs = nowMs;
    heapMaximum = Math.max(heapMaximum, heapBytes());
    for (const scope of [null, ...source.worldNumbers()]) {
      const count = countsOf(scope);
      for (const [name, load] of loadsOf(scope)) load.update(count(name), seconds);
    }
    for (const board of boards.values()) board.round();
  };

  const forget = (viewer: Viewer): void => {
    readers.get(viewer)?.board.readers.delete(viewer);
    readers.delete(viewer);
  };

  const enter = (viewer: Viewer): { readonly board: Board; readonly reader: Reader } => {
    const known = readers.get(viewer);
    if (known) return known;
    const board = boardOf(isOwner(viewer.principal, viewer.local) ? null : viewer.world);
    board.open();
    const entered = { board, reader: { viewer, filters: new Set<string>(), behind: false } };
    board.readers.set(viewer, entered.reader);
    readers.set(viewer, entered);
    return entered;
  };

  const computed: ComputedTopics = {
    prefix: '$SYS/',
    wildcards: true,
    subscribe(viewer, filter, wantsRetained = true) {
      const { rules } = viewer.principal;
      const right = rules.all ? 'yes' : rules.maySubscribe(filter);
      if (right === 'no' || right === 'denied') return 'refused';
      const before = readers.get(viewer)?.reader.filters;
      if (before && !before.has(filter) && before.size >= MAX_FILTERS) return 'full';
      const { board, reader } = enter(viewer);
      reader.filters.add(filter);
      // After the SUBACK, which is sent when this returns.
      if (wantsRetained) queueMicrotask(() => reader.filters.has(filter) && board.welcome(reader, filter));
      return 'granted';
    },
    unsubscribe(viewer, filter) {
      const reader = readers.get(viewer)?.reader;
      if (!reader?.filters.delete(filter)) return false;
      if (reader.filters.size === 0) forget(viewer);
      return true;
    },
    forget(viewer) {
      readers.get(viewer)?.reader.filters.clear();
      forget(viewer);
    },
  };

  for (const scope of [null, ...source.worldNumbers()]) loadsOf(scope);
  const stop = repeat(round, intervalSeconds * 1000);
  return {
    computed,
    stop() {
      stop();
      for (const viewer of readers.keys()) computed.forget(viewer);
    },
  };
}

function heapInUse(): number {
  const { used_heap_size, external_memory } = getHeapStatistics();
  return used_heap_size + external_memory;
}

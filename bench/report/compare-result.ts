import type { Cell } from '../cell.ts';
import type { Load } from '../loads.ts';
import { type Spread, spreadOf } from '../measure/summary.ts';
import type { Machine } from './machine.ts';

/** What a comparison leaves behind, as it stands in the JSON file. */
export type CompareResult = {
  readonly machine: Machine;
  readonly rounds: number;
  readonly seconds: number;
  readonly workers: number;
  readonly peers: readonly { readonly name: string; readonly description: string }[];
  readonly loads: readonly LoadResult[];
};

/** All rounds of one load, by name of the peer; round i of one stands beside round i of the other. */
export type LoadResult = { readonly load: Load; readonly cells: Readonly<Record<string, readonly Cell[]>> };

/** One line of the table. */
export type Row = {
  readonly load: string;
  readonly peer: string;
  readonly good: number;
  readonly failed: number;
  readonly failure: string;
  readonly cpuMicros: Spread;
  readonly perSecond: Spread;
  readonly p50Micros: Spread;
  readonly p99Micros: Spread;
  readonly brokerShare: number;
  readonly generatorShares: readonly number[];
  readonly rssMiB: number;
  readonly marks: readonly Mark[];
  /** This peer's figure over that of the yardstick, round by round; null for the yardstick itself. */
  readonly cpuRatio: Spread | null;
  readonly rateRatio: Spread | null;
  readonly p99Ratio: Spread | null;
};

/** Why a throughput or latency is not the broker's alone: generator at its limit, machine full, others at work on it. */
export type Mark = 'generator' | 'machine' | 'disturbed';

/** A generator process counts as saturated from this share of a core on. */
export const SATURATED = 0.9;
const FULL = 0.95;
/** More than this share of one core used by neither broker nor generator. */
const DISTURBED = 0.2;

/** The rows of one load, with ratios to the peer `yardstick`. */
export function rowsOf(result: LoadResult, yardstick: string, cores: number): readonly Row[] {
  const base = result.cells[yardstick] ?? [];
  return Object.entries(result.cells).map(([peer, cells]) => {
    const good = cells.filter((cell) => cell.failure === '');
    const spread = (pick: (cell: Cell) => number): Spread => spreadOf(good.map(pick));
    const ratio = (pick: (cell: Cell) => number): Spread | null =>
      peer === yardstick || base.length === 0 ? null : spreadOf(ratiosOf(cells, base, pick));
    return {
      load: result.load.title,
      peer,
      good: good.length,
      failed: cells.length - good.length,
      failure: cells.find((cell) => cell.failure !== '')?.failure ?? '',
      cpuMicros: spread((cell) => cell.cpuMicrosPerMessage),
      perSecond: spread((cell) => cell.perSecond),
      p50Micros: spread((cell) => cell.p50Micros),
      p99Micros: spread((cell) => cell.p99Micros),
      brokerShare: spread((cell) => cell.brokerShare).median,
      generatorShares: (good[0]?.generators ?? []).map((_, i) => spread((cell) => cell.generators[i]!.cpuShare).median),
      rssMiB: spread((cell) => cell.brokerRssBytes).median / 2 ** 20,
      marks: marksOf(good, cores),
      cpuRatio: ratio((cell) => cell.cpuMicrosPerMessage),
      rateRatio: ratio((cell) => cell.perSecond),
      p99Ratio: ratio((cell) => cell.p99Micros),
    };
  });
}

/** Ratio round by round, where both cells count. */
function ratiosOf(cells: readonly Cell[], base: readonly Cell[], pick: (cell: Cell) => number): readonly number[] {
  return cells.flatMap((cell, i) => {
    const other = base[i];
    return cell.failure === '' && other?.failure === '' ? [pick(cell) / pick(other)] : [];
  });
}

/** The marks that at least half of the good rounds deserve. */
export function marksOf(cells: readonly Cell[], cores: number): readonly Mark[] {
  const often = (deserves: (cell: Cell) => boolean): boolean =>
    cells.filter(deserves).length * 2 >= Math.max(1, cells.length);
  const marks: Mark[] = [];
  // A loop that is never idle is the limit too, even where another process had its core for part of the time.
  if (often((cell) => cell.generators.some((one) => Math.max(one.cpuShare, one.busyShare) >= SATURATED)))
    marks.push('generator');
  if (often((cell) => cell.machineShare >= FULL)) marks.push('machine');
  if (often((cell) => othersShare(cell, cores) >= DISTURBED)) marks.push('disturbed');
  return marks;
}

/** Share of one core that went to neither the broker nor the generator. */
function othersShare(cell: Cell, cores: number): number {
  const ours = cell.generators.reduce((sum, one) => sum + one.cpuShare, cell.brokerShare);
  return cell.machineShare * cores - ours;
}

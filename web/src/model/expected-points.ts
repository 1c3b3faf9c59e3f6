import type { Range } from './ranges.ts';
import { windowOf } from './ranges.ts';

/** What is known of a series as a whole; times are ISO 8601. */
export type Extent = { readonly count: number; readonly first: string | null; readonly last: string | null };

/** A guess at how many points a window holds, from the whole series at an even pace. */
export function expectedPoints(series: Extent | undefined, range: Range, nowMs: number): number {
  if (series?.first == null || series.last == null) return 0;
  const firstMs = Date.parse(series.first);
  const lastMs = Date.parse(series.last);
  const { fromMs, toMs } = windowOf(range, nowMs);
  const overlap = Math.min(lastMs, toMs ?? lastMs) - Math.max(firstMs, fromMs ?? firstMs);
  if (overlap <= 0) return 0;
  return (series.count * overlap) / Math.max(1, lastMs - firstMs);
}

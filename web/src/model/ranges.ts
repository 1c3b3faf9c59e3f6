/** The spans of time that a chart can show. */
export type Range =
  | { readonly kind: '15m' | '1h' | '24h' | '7d' | 'all' }
  | { readonly kind: 'custom'; readonly fromMs: number; readonly toMs: number };

export type RangeKind = Range['kind'];

export const RANGE_LABELS: readonly (readonly [kind: RangeKind, label: string])[] = [
  ['15m', '15 min'],
  ['1h', '1 h'],
  ['24h', '24 h'],
  ['7d', '7 d'],
  ['all', 'All'],
  ['custom', 'Custom'],
];

const MINUTE = 60_000;
const SPANS: Readonly<Record<string, number>> = {
  '15m': 15 * MINUTE,
  '1h': 60 * MINUTE,
  '24h': 24 * 60 * MINUTE,
  '7d': 7 * 24 * 60 * MINUTE,
};

/** Milliseconds of a span that ends now; null for `all` and a custom one. */
export function spanMs(range: Range): number | null {
  return SPANS[range.kind] ?? null;
}

/** Whether the window moves with the clock. */
export function isLive(range: Range): boolean {
  return range.kind !== 'custom';
}

/** The window in milliseconds; `fromMs` is null for `all`, `toMs` is null when it is open to the future. */
export function windowOf(
  range: Range,
  nowMs: number,
): { readonly fromMs: number | null; readonly toMs: number | null } {
  if (range.kind === 'custom') return { fromMs: range.fromMs, toMs: range.toMs };
  const span = spanMs(range);
  return { fromMs: span === null ? null : nowMs - span, toMs: null };
}

/** A window is at least this wide. */
const LEAST_MS = MINUTE;

/**
 * The window as it is drawn. One that reaches back before the first value of all is drawn from that value on: a topic
 * that is a minute old does not hide at the right edge of a quarter of an hour.
 */
export function drawnWindow(
  range: Range,
  nowMs: number,
  firstMs: number | null,
): { readonly fromMs: number; readonly toMs: number } {
  const { fromMs, toMs } = windowOf(range, nowMs);
  if (fromMs !== null && toMs !== null) return { fromMs, toMs };
  const end = toMs ?? nowMs;
  const from = Math.max(fromMs ?? Number.NEGATIVE_INFINITY, firstMs ?? fromMs ?? end - LEAST_MS);
  return { fromMs: Math.min(from, end - LEAST_MS), toMs: end };
}

/** `range`, `from` and `to` of the address; anything unknown is the first choice. */
export function parseRange(kind: string | null, from: string | null, to: string | null): Range {
  if (kind === 'custom') {
    const fromMs = Date.parse(from ?? '');
    const toMs = Date.parse(to ?? '');
    return fromMs < toMs ? { kind, fromMs, toMs } : { kind: '15m' };
  }
  return kind === '1h' || kind === '24h' || kind === '7d' || kind === 'all' ? { kind } : { kind: '15m' };
}

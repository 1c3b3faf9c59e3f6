import { describe, expect, it } from 'vitest';
import type { DiskPart, RawPoint } from '../model/chart-columns.ts';
import { parseIsoMicros } from '../model/format.ts';
import type { Range } from '../model/ranges.ts';
import type { PointsQuery } from '../net/rest.ts';
import { createDiskReader } from './disk-reader.ts';

const S = 1_000_000;
const NOW_S = 1_795_000_000;
const signal = new AbortController().signal;

/** A history with a point each second until now; it notes what it is asked. */
function fakeHistory(seconds: number) {
  const asked: string[] = [];
  const all: RawPoint[] = Array.from({ length: seconds }, (_, i) => [(NOW_S - seconds + i) * S, i]);
  const within = ({ from, to }: PointsQuery) =>
    all.filter(
      ([us]) => us >= (from ? parseIsoMicros(from) : 0) && us < (to ? parseIsoMicros(to) : Number.POSITIVE_INFINITY),
    );
  const rest = {
    points: (query: PointsQuery, limit: number) => {
      const found = within(query).slice(0, limit);
      asked.push(`points ${found.length}`);
      return Promise.resolve(found);
    },
    buckets: (query: PointsQuery, count: number) => {
      asked.push(`buckets ${count}`);
      const [first] = within(query);
      return Promise.resolve(first === undefined ? [] : [[first[0], 0, 1, 2] as const]);
    },
  };
  const reader = (range: Range, expected = 0) =>
    createDiskReader({ rest, topic: 't', field: 'value', range, expected, nowMs: () => NOW_S * 1000 });
  return { all, asked, reader };
}

describe('reading a window from history', () => {
  it('takes few points one by one', async () => {
    const { reader, asked } = fakeHistory(200);
    const part = await reader({ kind: '15m' }).whole(signal);
    expect(part.kind === 'raw' && part.points.length).toBe(200);
    expect(asked).toEqual(['points 200']);
  });

  it('takes many in buckets, with the newest minute one by one', async () => {
    const { reader, asked } = fakeHistory(20_000);
    const part = await reader({ kind: '24h' }).whole(signal);
    expect(part.kind === 'buckets' && part.tail.length).toBe(60);
    expect(asked).toEqual(['points 3001', 'buckets 600', 'points 60']);
  });

  it('asks for buckets at once when many points are to be expected', async () => {
    const { reader, asked } = fakeHistory(20_000);
    await reader({ kind: '24h' }, 20_000).whole(signal);
    expect(asked[0]).toBe('buckets 600');
  });

  it('has no newest minute in a span of the past', async () => {
    const { reader } = fakeHistory(20_000);
    const range: Range = { kind: 'custom', fromMs: (NOW_S - 19_000) * 1000, toMs: (NOW_S - 1000) * 1000 };
    expect(await reader(range).whole(signal)).toMatchObject({ kind: 'buckets', tail: [] });
  });

  it('asks only for what came since, and takes no point twice', async () => {
    const { reader, asked, all } = fakeHistory(100);
    const known: DiskPart = { kind: 'raw', points: all.slice(0, 90) };
    const part = await reader({ kind: '15m' }).since(known, signal);
    expect(part).toEqual({ kind: 'raw', points: all });
    expect(asked).toEqual(['points 11']);
  });

  it('lets go of what the window has left behind', async () => {
    const { reader, all } = fakeHistory(1000);
    const part = await reader({ kind: '15m' }).since({ kind: 'raw', points: all }, signal);
    expect(part.kind === 'raw' && part.points.length).toBe(900);
  });

  it('makes new buckets when the newest points have become too many', async () => {
    const { reader, asked, all } = fakeHistory(5000);
    const known: DiskPart = { kind: 'buckets', buckets: [], tail: all.slice(-2000, -1000) };
    await reader({ kind: '24h' }, 20_000).since(known, signal);
    expect(asked).toEqual(['points 1001', 'buckets 600', 'points 60']);
  });
});

import { buffer } from 'node:stream/consumers';
import type { History, JsonAnswer, PointsQuery, PointValue } from '../port.ts';

/** The points of an answer, their times in microseconds. */
export async function pointsOf(history: History, query: PointsQuery, limit: number): Promise<[number, PointValue][]> {
  return (await rowsOf(await history.points(query, limit))) as [number, PointValue][];
}

/** The buckets of an answer, their starts in microseconds. */
export async function bucketsOf(
  history: History,
  query: PointsQuery,
  buckets: number,
): Promise<[number, number, number, number][]> {
  return (await rowsOf(await history.buckets(query, buckets))) as [number, number, number, number][];
}

async function rowsOf({ body }: JsonAnswer): Promise<unknown[][]> {
  const bytes = Buffer.isBuffer(body) ? body : await buffer(body);
  const { points } = JSON.parse(bytes.toString()) as { points: [string, ...unknown[]][] };
  return points.map(([time, ...rest]) => [microsOf(time), ...rest]);
}

/** Of `2026-11-21T07:03:00.123456Z`. */
function microsOf(time: string): number {
  return Date.parse(`${time.slice(0, -8)}Z`) * 1000 + Number(time.slice(-7, -1));
}

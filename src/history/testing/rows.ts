import type { ByteSource, History, JsonAnswer, PointsQuery, PointValue } from '../port.ts';

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
  const bytes = Buffer.isBuffer(body) ? body : await bytesOf(body);
  const { points } = JSON.parse(bytes.toString()) as { points: [string, ...unknown[]][] };
  return points.map(([time, ...rest]) => [microsOf(time), ...rest]);
}

/** Of `2026-11-21T07:03:00.123456Z`. */
function microsOf(time: string): number {
  return Date.parse(`${time.slice(0, -8)}Z`) * 1000 + Number(time.slice(-7, -1));
}

/** All that a source gives. */
export async function bytesOf(source: ByteSource): Promise<Buffer> {
  const parts: Buffer[] = [];
  for await (const part of partsOf(source)) parts.push(Buffer.from(part));
  return Buffer.concat(parts);
}

/** What a source gives, part by part; each is valid until the next. */
export async function* partsOf(source: ByteSource): AsyncGenerator<Uint8Array> {
  try {
    for (let part = await source.next(); part !== null; part = await source.next()) yield part;
  } finally {
    source.close();
  }
}

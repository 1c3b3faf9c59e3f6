/** The part of Sonde's REST answers that the bench reads. */
export type Series = {
  readonly topic: string;
  readonly field: string;
  readonly count: number;
  readonly first: string | null;
  readonly last: string | null;
};

/** Series whose topic matches `filter`. */
export async function readSeries(port: number, filter: string): Promise<readonly Series[]> {
  const { series } = (await getJson(port, '/api/v1/series', { topic: filter, limit: '10000' })) as { series: Series[] };
  return series;
}

/** The first `limit` (at most 100,000) values of a series, in time order. */
export async function readPoints(
  port: number,
  topic: string,
  field: string,
  limit: number,
): Promise<readonly unknown[]> {
  const query = { topic, field, limit: String(limit) };
  const { points } = (await getJson(port, '/api/v1/points', query)) as { points: [string, unknown][] };
  return points.map(([, value]) => value);
}

/** Sum of the counts of all series that match `filter` and have the field. */
export async function countPoints(port: number, filter: string, field: string): Promise<number> {
  const series = await readSeries(port, filter);
  return series.filter((one) => one.field === field).reduce((sum, one) => sum + one.count, 0);
}

/** Address of a path on the HTTP port with its query. */
export function address(port: number, path: string, query: Readonly<Record<string, string>>): string {
  return `http://127.0.0.1:${port}${path}?${new URLSearchParams(query)}`;
}

async function getJson(port: number, path: string, query: Readonly<Record<string, string>>): Promise<unknown> {
  const response = await fetch(address(port, path, query), { signal: AbortSignal.timeout(60_000) });
  const text = await response.text();
  if (response.status !== 200) throw new Error(`GET ${path}: ${response.status} ${text.slice(0, 200)}`);
  return JSON.parse(text);
}

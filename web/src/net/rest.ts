import type { Bucket, RawPoint } from '../model/chart-columns.ts';
import { parseIsoMicros } from '../model/format.ts';
import type { Credentials } from './credentials.ts';
import { basicHeader } from './credentials.ts';

export type Session = {
  readonly namespace: string;
  readonly principal: string;
  readonly anonymous: boolean;
  /** Whether this principal may publish at all. */
  readonly publish: boolean;
  /** Port of the first MQTT listener; null when there is none that a device could use. */
  readonly mqttPort: number | null;
  /** The server's wall clock, ISO 8601. */
  readonly now: string;
};

export type Series = {
  readonly id: number;
  readonly topic: string;
  readonly field: string;
  readonly unit: string | null;
  readonly count: number;
  readonly first: string | null;
  readonly last: string | null;
  readonly lastValue: unknown;
};

/** A request that the server answered with a fault (RFC 9457), or did not answer (`status` 0). */
export class RestError extends Error {
  readonly status: number;

  constructor(status: number, text: string, options?: ErrorOptions) {
    super(text, options);
    this.name = 'RestError';
    this.status = status;
  }
}

/** REST for what is asked once. Same origin always. */
export type Rest = {
  readonly session: (signal?: AbortSignal) => Promise<Session>;
  /** By topic and field; the first `limit` of them. */
  readonly series: (filter: string, limit: number, signal?: AbortSignal) => Promise<readonly Series[]>;
  /** In time order, the first `limit` at or after `from`. */
  readonly points: (query: PointsQuery, limit: number, signal?: AbortSignal) => Promise<readonly RawPoint[]>;
  readonly buckets: (query: PointsQuery, count: number, signal?: AbortSignal) => Promise<readonly Bucket[]>;
  /** A download's answer, body unread. */
  readonly open: (path: string, signal?: AbortSignal) => Promise<Response>;
};

/** Times are ISO 8601; null is open. */
export type PointsQuery = {
  readonly topic: string;
  readonly field: string;
  readonly from: string | null;
  readonly to: string | null;
};

/** Same-origin address of an API resource. */
export function apiPath(path: string, params: Readonly<Record<string, string | number | null>> = {}): string {
  const pairs: string[] = [];
  // Percent-encoded throughout: in a query a plus sign would be a space or MQTT's wildcard.
  for (const [name, value] of Object.entries(params))
    if (value !== null) pairs.push(`${name}=${encodeURIComponent(value)}`);
  return pairs.length === 0 ? `/api/${path}` : `/api/${path}?${pairs.join('&')}`;
}

export function createRest(credentials: Credentials | null): Rest {
  const open = async (path: string, signal?: AbortSignal): Promise<Response> => {
    const response = await request(path, credentials, signal);
    if (!response.ok) throw await faultOf(response);
    return response;
  };
  const json = async (path: string, signal?: AbortSignal): Promise<unknown> => (await open(path, signal)).json();
  const rows = async <Row>(query: PointsQuery, extra: Record<string, number>, signal?: AbortSignal): Promise<Row[]> => {
    const answer = (await json(apiPath('v1/points', { ...query, ...extra }), signal)) as {
      points: [string, ...unknown[]][];
    };
    return answer.points.map(([iso, ...rest]) => [parseIsoMicros(iso), ...rest] as unknown as Row);
  };
  return {
    open,
    session: async (signal) => (await json(apiPath('v1/session'), signal)) as Session,
    series: async (filter, limit, signal) => {
      const answer = (await json(apiPath('v1/series', { topic: filter, limit }), signal)) as { series: Series[] };
      return answer.series;
    },
    points: (query, limit, signal) => rows<RawPoint>(query, { limit }, signal),
    buckets: (query, count, signal) => rows<Bucket>(query, { points: count }, signal),
  };
}

async function request(path: string, credentials: Credentials | null, signal?: AbortSignal): Promise<Response> {
  const headers: Record<string, string> = { accept: 'application/json, */*;q=0.5' };
  if (credentials !== null) headers['authorization'] = basicHeader(credentials);
  try {
    // `omit` keeps the browser's own password window away when the server answers 401 with a challenge.
    return await fetch(path, { headers, credentials: 'omit', cache: 'no-store', signal: signal ?? null });
  } catch (error) {
    if (signal?.aborted) throw error;
    throw new RestError(0, 'The server does not answer.', { cause: error });
  }
}

async function faultOf(response: Response): Promise<RestError> {
  const problem = (await response.json().catch(() => null)) as { title?: unknown; detail?: unknown } | null;
  const text = [problem?.detail, problem?.title].find((part) => typeof part === 'string' && part !== '');
  return new RestError(response.status, (text as string | undefined) ?? `The server answered ${response.status}.`);
}

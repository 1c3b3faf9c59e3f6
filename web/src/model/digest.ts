/**
 * What the broker's digests carry, and how they are named. A digest is a computed topic below `$sonde/`: changed rows
 * only, at most ten frames a second, last value wins.
 */

/** One topic's last value as the broker shows it: a bounded preview, with the true size beside it. */
export type Preview = {
  readonly topic: string;
  /** UTF-8 text of at most 256 bytes; base64 when `binary`; null when nothing was published to this very topic. */
  readonly payload: string | null;
  /** True size of the payload. */
  readonly bytes: number;
  readonly binary: boolean;
  readonly retained: boolean;
  /** Messages seen: of the topic itself in a values digest, at or below it in a tree digest. */
  readonly messages: number;
  /** Arrival at the broker, microseconds since 1970 UTC. */
  readonly at: number | null;
};

export type TreeChild = Preview & {
  /** The level's own text; may be empty, as in `/sensors`. */
  readonly name: string;
  /** Whether it was published to itself. */
  readonly own: boolean;
  readonly children: number;
  /** Topics at or below it. */
  readonly topics: number;
};

export type Frame<Row> = {
  /** True: these rows replace all rows. False: only changed ones, merged by topic. */
  readonly full: boolean;
  /** Rows that are not listed because the digest is bounded. */
  readonly more: number;
  readonly rows: readonly Row[];
};

export type HistoryState = 'ok' | 'starting' | 'behind' | 'down' | 'off';

export type ServerStatus = {
  readonly status: 'ok' | 'degraded';
  readonly detail: string;
  readonly namespace: string;
  readonly clients: number;
  readonly messagesPerSecond: number;
  readonly history: { readonly state: HistoryState; readonly detail: string; readonly lastCommitUs: number | null };
  readonly store: 'memory' | 'disk';
};

export const STATUS_DIGEST = '$sonde/status';
export const ROOT_DIGEST = '$sonde/tree';

/** Digest of the children of one node; `topic` is the node's text up to there (`''` for the empty first level). */
export function treeDigest(topic: string): string {
  return `${ROOT_DIGEST}/${encodeURIComponent(topic)}`;
}

/** Digest of the topics that an MQTT filter matches. */
export function valuesDigest(filter: string): string {
  return `$sonde/values/${encodeURIComponent(filter)}`;
}

/** Reads a frame of `$sonde/tree...`; null when it is none. */
export function parseTreeFrame(text: string): Frame<TreeChild> | null {
  return parseFrame<TreeChild>(text, 'children');
}

/** Reads a frame of `$sonde/values/...`; null when it is none. */
export function parseValuesFrame(text: string): Frame<Preview> | null {
  return parseFrame<Preview>(text, 'topics');
}

/** Reads `$sonde/status`; null when it is none. */
export function parseStatus(text: string): ServerStatus | null {
  const value = parseObject(text);
  if (value === null || typeof value['status'] !== 'string' || typeof value['history'] !== 'object') return null;
  return value as unknown as ServerStatus;
}

function parseFrame<Row extends { readonly topic: string }>(text: string, key: string): Frame<Row> | null {
  const value = parseObject(text);
  const rows = value?.[key];
  if (value === null || !Array.isArray(rows)) return null;
  const kept = rows.filter((row: unknown): row is Row => typeof (row as Row | null)?.topic === 'string');
  const more = value['more'];
  return { full: value['full'] === true, more: typeof more === 'number' ? more : 0, rows: kept };
}

function parseObject(text: string): Record<string, unknown> | null {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : null;
  } catch {
    return null;
  }
}

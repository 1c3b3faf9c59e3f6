/** Bounds of the HTTP side. Each can be changed by the composition root; what happens at each is in the README. */
export type ApiLimits = {
  /** Sockets that speak HTTP at once, on all listeners. */
  readonly connections: number;
  /** Requests under way at once, on all listeners. */
  readonly requests: number;
  /** Bytes of a request body. */
  readonly bodyBytes: number;
  /** Characters of a path parameter and of a wildcard path. */
  readonly pathChars: number;
  /** Bytes of the request line and the headers together. */
  readonly headerBytes: number;
  readonly headersTimeoutMs: number;
  /** From the first byte of a request to its last. */
  readonly requestTimeoutMs: number;
  readonly keepAliveTimeoutMs: number;
  readonly seriesDefault: number;
  readonly seriesMax: number;
  readonly pointsDefault: number;
  readonly pointsMax: number;
  readonly bucketsMax: number;
  readonly listDefault: number;
  readonly listMax: number;
  /** Questions to history whose answers are not read to their end yet, all callers together; more get 503. */
  readonly queriesAtOnce: number;
  /** Downloads at once, all callers together; more get 503. */
  readonly downloadsAtOnce: number;
  /** An answer of history that moves no byte for so long is ended. */
  readonly stallMs: number;
  /** Requests that are under way at `close` get so long to end. */
  readonly closeGraceMs: number;
};

export const DEFAULT_LIMITS: ApiLimits = {
  connections: 2000,
  requests: 256,
  bodyBytes: 2 * 1024 * 1024,
  pathChars: 1024,
  headerBytes: 16 * 1024,
  headersTimeoutMs: 10_000,
  requestTimeoutMs: 30_000,
  keepAliveTimeoutMs: 65_000,
  seriesDefault: 1000,
  seriesMax: 10_000,
  pointsDefault: 10_000,
  pointsMax: 1_000_000,
  bucketsMax: 10_000,
  listDefault: 1000,
  listMax: 10_000,
  queriesAtOnce: 16,
  downloadsAtOnce: 4,
  stallMs: 30_000,
  closeGraceMs: 1000,
};

import type { Client } from '../client.ts';
import type { Will } from '../will.ts';

/** What is known of a session beyond the process; JSON in the table `session`. Times are wall clock, microseconds since 1970 UTC. */
export type SessionRecord = {
  readonly principal: {
    readonly kind: 'anonymous' | 'token' | 'certificate';
    readonly name: string;
    readonly since?: string;
  };
  readonly version: 3 | 4 | 5;
  /** Seconds that it outlives its connection; null: it never ends. */
  readonly expiryS: number | null;
  readonly connectedAtUs: number;
  /** Since when it has no connection, and when it ends (null: never); null: it had one. */
  readonly away: { readonly sinceUs: number; readonly endsAtUs: number | null } | null;
  readonly will: WillRecord | null;
  /** When its will is due. Null: when its connection ends. */
  readonly willAtUs: number | null;
};

/** Bytes are in base64. */
export type WillRecord = Omit<Will, 'payload' | 'properties'> & {
  readonly payload: string;
  readonly properties: string | null;
};

/** `toWallUs`: of a monotonic time. */
export function encodeSession(client: Client, toWallUs: (ms: number) => number): Buffer {
  const { principal, session, will, endsAtMs, willAtMs, disconnectedAtUs } = client;
  const { kind, name, since } = principal;
  const record: SessionRecord = {
    principal: { kind, name, ...(since === undefined ? {} : { since }) },
    version: session.version,
    expiryS: client.expiryS,
    connectedAtUs: client.connectedAtUs,
    away:
      client.connection !== null
        ? null
        : {
            sinceUs: disconnectedAtUs ?? client.connectedAtUs,
            endsAtUs: endsAtMs === null || !Number.isFinite(endsAtMs) ? null : Math.round(toWallUs(endsAtMs)),
          },
    will: will && {
      ...will,
      payload: will.payload.toString('base64'),
      properties: will.properties?.toString('base64') ?? null,
    },
    willAtUs: willAtMs === null ? null : Math.round(toWallUs(willAtMs)),
  };
  return Buffer.from(JSON.stringify(record));
}

/** Null: it cannot be read. */
export function decodeSession(value: Uint8Array): SessionRecord | null {
  try {
    const record = JSON.parse(Buffer.from(value).toString()) as SessionRecord;
    return typeof record.principal.name === 'string' && typeof record.version === 'number' ? record : null;
  } catch {
    return null;
  }
}

export function willOf({ payload, properties, ...rest }: WillRecord): Will {
  return {
    ...rest,
    payload: Buffer.from(payload, 'base64'),
    properties: properties === null ? null : Buffer.from(properties, 'base64'),
  };
}

import type { IncomingHttpHeaders } from 'node:http';
import type { Principal } from '../access/index.ts';
import type { Histogram, TurnMeter } from '../base/index.ts';
import type { BrokerStats, ClientInfo, PublishRequest, Timings } from '../broker/index.ts';

/** Why the broker did not take a publish. */
export type PublishRefusal = 'not-authorized' | 'bad-topic' | 'too-large' | 'full' | 'unavailable';

export type PublishResult =
  | { readonly ok: true }
  /** `detail` is one sentence for the caller: it names what is allowed. */
  | { readonly ok: false; readonly reason: PublishRefusal; readonly detail: string };

/** One topic as the broker last saw it. Times are microseconds since 1970 UTC. */
export type TopicInfo = {
  readonly topic: string;
  /** The last payload, or its beginning: `payloadBytes` says how long the whole is. */
  readonly payload: Uint8Array;
  readonly payloadBytes: number;
  readonly qos: 0 | 1 | 2;
  readonly retained: boolean;
  /** Messages since start. */
  readonly messages: number;
  readonly lastAtUs: number;
};

export type Health = { readonly status: 'ok' | 'starting' | 'degraded'; readonly detail?: string };

/** What the routes need of the broker; the composition root implements it. Worlds are named by their namespace. */
export type ApiBroker = {
  /** Resolves once the message is as safe as its QoS asks for. */
  readonly publish: (world: string, request: PublishRequest, principal: Principal) => Promise<PublishResult>;
  readonly clients: (world: string, most: number) => readonly ClientInfo[];
  /** Topics that `filter` matches, at most `limit`. */
  readonly topics: (world: string, filter: string, limit: number) => readonly TopicInfo[];
  readonly stats: () => BrokerStats;
  /** The number that history knows a namespace by; null when there is no such namespace. */
  readonly worldNumber: (namespace: string) => number | null;
  /** `ok` only once every listener is open. */
  readonly health: () => Health;
};

/** How long things take, for `/metrics`. */
export type ApiTimings = Timings & { readonly loopDelay: Histogram; readonly turns: TurnMeter };

/**
 * Copies the data folder into another one. `data`: the one that is meant, or null. Rejects with an OperatorError that says
 * what is wrong.
 */
export type ApiBackup = (
  folder: string,
  data: string | null,
) => Promise<{
  readonly folder: string;
  readonly files: number;
  readonly bytes: number;
  readonly storeBytes: number;
  readonly historyBytes: number;
  readonly ms: number;
}>;

/** Whether a request cannot come from another machine or from another site's page. */
export type IsLocal = (request: { readonly peerAddress: string; readonly headers: IncomingHttpHeaders }) => boolean;

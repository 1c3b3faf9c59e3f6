import type { Clock, Logger, Reached, TurnMeter } from '../base/index.ts';
import type { ComputedTopics, Tap } from '../broker/index.ts';

/** The only timer that the live view needs; injected so that tests do not sleep. */
export type LiveTimers = {
  /** Runs once, `ms` from now; the answer cancels it. */
  readonly after: (ms: number, run: () => void) => () => void;
};

/** What the rest of Sonde says about a world, for `$sonde/status`. Times are microseconds since 1970 UTC. */
export type WorldStatus = {
  readonly status: 'ok' | 'degraded';
  /** One sentence for people; empty when all is well. */
  readonly detail: string;
  readonly namespace: string;
  /** Clients that are connected. */
  readonly clients: number;
  readonly history: { readonly state: string; readonly detail: string; readonly lastCommitUs: number | null };
  /** The engine that keeps sessions and retained messages, e.g. `memory`. */
  readonly store: string;
};

/** What bounds the live view. Every one has a default in `limits.ts`. */
export type LiveLimits = {
  /** Frames that one viewer is sent in any second, over all its digests. */
  readonly framesPerSecond: number;
  readonly entriesPerFrame: number;
  /** Bytes of JSON in a frame. */
  readonly bytesPerFrame: number;
  /** Digests that one viewer may be subscribed to at a time. */
  readonly digestsPerViewer: number;
  /** Connections that may watch at a time, of all worlds. */
  readonly viewers: number;
  /** Different digests that a world makes at a time. */
  readonly digestsPerWorld: number;
  /** Milliseconds of work after which the event loop gets its turn back. */
  readonly turnMs: number;
  /** Milliseconds between two such turns. */
  readonly restMs: number;
};

export type LiveOptions = {
  readonly clock: Clock;
  readonly logger: Logger;
  /** Where it says what it works on. */
  readonly turns?: TurnMeter;
  readonly timers?: LiveTimers;
  /** Topics that are remembered in one world; further ones are only counted. Default 100,000. */
  readonly maxTopicsPerWorld?: number;
  readonly limits?: Partial<LiveLimits>;
  /** Where it counts what found no room. */
  readonly reached?: Reached;
  /** Asked once a second for each world whose status somebody watches. */
  readonly status: (world: number) => WorldStatus;
};

/** The last message of a topic. */
export type TopicRow = {
  readonly topic: string;
  /** The first 256 bytes of the payload at most; a copy. */
  readonly preview: Uint8Array;
  /** The true size of the payload. */
  readonly payloadBytes: number;
  readonly qos: 0 | 1 | 2;
  /** Whether this last message is the one that the broker retains. */
  readonly retained: boolean;
  /** Messages seen since Sonde started. */
  readonly messages: number;
  /** Arrival, microseconds since 1970 UTC. */
  readonly lastAtUs: number;
};

export type TopicRows = {
  /** In the order in which the topics were first seen. */
  readonly rows: readonly TopicRow[];
  /** Topics that match too but are beyond the limit. */
  readonly more: number;
  /** Topics of the world, matching or not, that found no room in the index; at least so many. */
  readonly unindexed: number;
};

/** The live view of every world. */
export type Live = {
  /** The world's place on the hot path; the same object for the same world. */
  readonly tap: (world: number) => Tap;
  readonly computed: ComputedTopics;
  /** The topics that a filter matches and `mayReceive` allows, at most `limit` of them. The filter is taken as valid. */
  readonly topics: (world: number, filter: string, limit: number, mayReceive?: (topic: string) => boolean) => TopicRows;
  /** Connections that watch something now. */
  readonly viewers: () => number;
  /** Topics in the indexes of all worlds. */
  readonly indexed: () => number;
  /** Ends the timer and forgets the viewers. The taps stay harmless. */
  readonly stop: () => void;
};

import type { Principal } from '../access/index.ts';
import type { TopicEntry } from '../topics/index.ts';

/**
 * Sees each accepted PUBLISH of a world on the hot path. Must be quick, must not throw, and must copy what it keeps: the
 * bytes are a socket's buffer.
 */
export type Tap = {
  readonly published: (
    topic: TopicEntry<unknown>,
    bytes: Buffer,
    payloadStart: number,
    payloadEnd: number,
    qos: number,
    retain: boolean,
    arrivedUs: number,
  ) => void;
};

/** Somebody who is subscribed to computed topics: one connection. The object's identity is its key. */
export type Viewer = {
  readonly world: number;
  readonly principal: Principal;
  /** It cannot be on another machine: see `access/local.ts`. */
  readonly local: boolean;
  /**
   * Sends one QoS 0 PUBLISH, or returns false when the viewer's connection is behind: the frame is to be skipped and
   * made anew later. `retained`: the value stood when the viewer came, as the RETAIN flag says.
   */
  readonly send: (topic: string, payload: Uint8Array, retained?: boolean) => boolean;
};

/** `refused`: there is no such topic, or the viewer may not see it. `full`: a bound of such subscriptions is reached. */
export type ComputedOutcome = 'granted' | 'refused' | 'full';

/** Topics under a `$` prefix that are made while somebody is subscribed, never stored, never published to by clients. */
export type ComputedTopics = {
  /** E.g. `$sonde/`. */
  readonly prefix: string;
  /** Filters with wildcards match as for ordinary topics; else a topic is subscribed to by its name alone. */
  readonly wildcards?: true;
  /**
   * Subscribing again sends the whole again.
   * `wantsRetained` (default true) false: what stands already is not asked for (MQTT 5.0, 3.8.3.1, Retain Handling).
   */
  readonly subscribe: (viewer: Viewer, filter: string, wantsRetained?: boolean) => ComputedOutcome;
  readonly unsubscribe: (viewer: Viewer, filter: string) => boolean;
  /** The connection is gone. */
  readonly forget: (viewer: Viewer) => void;
};

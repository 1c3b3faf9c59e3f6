import type { Repeat } from '../access/index.ts';
import type { Clock, TurnMeter } from '../base/index.ts';
import type { BrokerStats, ComputedTopics, Traffic, WorldStats } from '../broker/index.ts';

/** What the figures are made of; the broker has it. */
export type SysSource = {
  readonly worldNumbers: () => readonly number[];
  /** Of one world, or of the whole server (null). Asked once an interval, also while nobody looks. */
  readonly traffic: (world: number | null) => Traffic;
  readonly worldStats: (world: number) => WorldStats | null;
  readonly stats: () => BrokerStats;
};

export type SysOptions = {
  readonly clock: Clock;
  /** Where it says what it works on. */
  readonly turns?: TurnMeter;
  readonly source: SysSource;
  /** Of Sonde. */
  readonly version: string;
  /** Seconds from one round of values to the next. */
  readonly intervalSeconds: number;
  /** A test gives its own. */
  readonly repeat?: Repeat;
  /** Bytes of JavaScript's heap in use, with what it holds outside; a test gives its own. */
  readonly heapBytes?: () => number;
};

/** The topics under `$SYS/`. */
export type Sys = {
  readonly computed: ComputedTopics;
  /** Ends the timer and forgets the viewers. */
  readonly stop: () => void;
};

import { expect } from 'vitest';
import type { TopicRules } from '../../access/index.ts';
import { type Clock, manualClock, silentLogger } from '../../base/index.ts';
import type { Viewer } from '../../broker/index.ts';
import { TopicTable } from '../../topics/index.ts';
import { createLive, type Live, type LiveOptions, type WorldStatus } from '../index.ts';

export const freeRules: TopicRules = {
  all: true,
  mayPublish: () => true,
  maySubscribe: () => 'yes',
  mayReceive: () => true,
};

/** Rules of somebody who may receive only some topics. */
export function rulesFor(mayReceive: (topic: string) => boolean): TopicRules {
  return { all: false, mayPublish: () => false, maySubscribe: () => 'partly', mayReceive };
}

export const someStatus: WorldStatus = {
  status: 'ok',
  detail: '',
  namespace: 'default',
  clients: 3,
  history: { state: 'ok', detail: '', lastCommitUs: 1_700_000_000_000_000 },
  store: 'memory',
};

export type Frame = { readonly topic: string; readonly bytes: Uint8Array; readonly atMs: number };
export type Row = Record<string, unknown>;

/** A viewer that keeps its frames and what they add up to, as a web page would. */
export type TestViewer = Viewer & {
  accepts: boolean;
  /** Frames that it refused. */
  refused: number;
  readonly frames: Frame[];
  /** By digest topic: the merged rows by their topic. */
  readonly merged: Map<string, Map<string, Row>>;
  /** By digest topic: the last `more`. */
  readonly more: Map<string, number>;
};

export type Rig = {
  readonly live: Live;
  /** Moves the clock and runs the timers that come due on the way. */
  readonly advance: (ms: number) => void;
  readonly publish: (topic: string, payload: string | Uint8Array, options?: PublishOptions) => void;
  readonly viewer: (rules?: TopicRules, world?: number) => TestViewer;
  /** Timers that are set. */
  readonly timers: () => number;
  /** Turns of work so far. */
  readonly turns: () => number;
  readonly nowMs: () => number;
  readonly nowUs: () => number;
};

export type PublishOptions = { readonly qos?: number; readonly retain?: boolean; readonly world?: number };

/** `lookMs`: what a look at the clock costs, so that turns end in the middle of the work; `tableSize`: the broker's topics. */
export type RigOptions = Partial<LiveOptions> & { readonly lookMs?: number; readonly tableSize?: number };

export function makeRig(options: RigOptions = {}): Rig {
  const time = manualClock();
  const timers = new Set<{ readonly atMs: number; readonly run: () => void }>();
  let turns = 0;
  const clock: Clock = {
    wallMicros: time.wallMicros,
    monotonicMs: () => {
      if (options.lookMs) time.advance(options.lookMs);
      return time.monotonicMs();
    },
  };
  const live = createLive({
    clock,
    logger: silentLogger,
    timers: {
      after: (ms, run) => {
        const timer = { atMs: time.monotonicMs() + ms, run };
        timers.add(timer);
        return () => timers.delete(timer);
      },
    },
    status: () => someStatus,
    ...options,
  });
  const tables = new Map<number, TopicTable<unknown>>();

  const advance = (ms: number): void => {
    const endMs = time.monotonicMs() + ms;
    for (;;) {
      const next = [...timers].sort((a, b) => a.atMs - b.atMs)[0];
      if (!next || next.atMs > endMs) break;
      timers.delete(next);
      time.advance(Math.max(0, next.atMs - time.monotonicMs()));
      turns += 1;
      next.run();
    }
    time.advance(Math.max(0, endMs - time.monotonicMs()));
  };

  return {
    live,
    advance,
    publish: (topic, payload, { qos = 0, retain = false, world = 0 } = {}) => {
      const table = tables.get(world) ?? new TopicTable<unknown>(options.tableSize);
      tables.set(world, table);
      const chunk = Buffer.concat([Buffer.from('..'), Buffer.from(payload as string), Buffer.from('..')]);
      live.tap(world).published(table.lookupName(topic), chunk, 2, chunk.length - 2, qos, retain, time.wallMicros());
      chunk.fill(0); // the socket's buffer is used again
    },
    viewer: (rules = freeRules, world = 0) => makeViewer(rules, world, time.monotonicMs),
    timers: () => timers.size,
    turns: () => turns,
    nowMs: time.monotonicMs,
    nowUs: time.wallMicros,
  };
}

function makeViewer(rules: TopicRules, world: number, nowMs: () => number): TestViewer {
  const viewer: TestViewer = {
    world,
    principal: { name: 'somebody', kind: 'token', world: 'default', rules },
    local: true,
    accepts: true,
    refused: 0,
    frames: [],
    merged: new Map(),
    more: new Map(),
    send: (topic, bytes) => {
      if (!viewer.accepts) {
        viewer.refused += 1;
        return false;
      }
      viewer.frames.push({ topic, bytes, atMs: nowMs() });
      merge(viewer, topic, bytes);
      return true;
    },
  };
  return viewer;
}

function merge(viewer: TestViewer, topic: string, bytes: Uint8Array): void {
  const frame = JSON.parse(Buffer.from(bytes).toString()) as Row;
  const rows = (frame['children'] ?? frame['topics']) as Row[] | number;
  if (!Array.isArray(rows)) return;
  const known = frame['full'] ? new Map<string, Row>() : viewer.merged.get(topic);
  if (!known) throw new Error(`a frame of ${topic} says less than all and there was none before`);
  for (const row of rows) known.set(row['topic'] as string, row);
  viewer.merged.set(topic, known);
  viewer.more.set(topic, frame['more'] as number);
}

/** The JSON of a frame. */
export const json = (frame: { readonly bytes: Uint8Array } | undefined): Row =>
  JSON.parse(Buffer.from(frame?.bytes ?? []).toString()) as Row;
/** The rows of a digest as the viewer knows them. */
export const rowsOf = (viewer: TestViewer, digest: string): Row[] => [...(viewer.merged.get(digest)?.values() ?? [])];
/** Their names. */
export const namesOf = (viewer: TestViewer, digest: string): unknown[] =>
  rowsOf(viewer, digest).map((row) => row['name']);
/** A viewer that has subscribed and got its first frame. */
export const watching = (rig: Rig, digest: string, viewer = rig.viewer()): TestViewer => {
  expect(rig.live.computed.subscribe(viewer, digest)).toBe('granted');
  rig.advance(100);
  return viewer;
};
/** The row of one topic in a values digest. */
export const only = (rig: Rig, topic: string): Row =>
  rowsOf(
    watching(rig, `$sonde/values/${encodeURIComponent(topic)}`),
    `$sonde/values/${encodeURIComponent(topic)}`,
  )[0] as Row;

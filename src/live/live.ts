import { type Bound, nothingReached } from '../base/index.ts';
import type { ComputedTopics, Viewer } from '../broker/index.ts';
import type { Digest, Watch } from './digest.ts';
import { DIGEST_PREFIX, parseDigestTopic } from './digest-topic.ts';
import { FrameWriter } from './frame-writer.ts';
import { DEFAULT_LIMITS, DEFAULT_MAX_TOPICS } from './limits.ts';
import type { Live, LiveOptions } from './port.ts';
import { systemTimers, Ticker } from './ticker.ts';
import { ViewerState } from './viewer-state.ts';
import { WorldLive } from './world-live.ts';

/**
 * Makes the live view: it indexes the topics of each world on the hot path, and makes digests of them for those who watch
 * `$sonde/tree`, `$sonde/values/<filter>` and `$sonde/status`.
 */
export function createLive(options: LiveOptions): Live {
  const { clock, logger } = options;
  const limits = { ...DEFAULT_LIMITS, ...options.limits };
  const maxTopics = options.maxTopicsPerWorld ?? DEFAULT_MAX_TOPICS;
  const reached = options.reached ?? nothingReached();
  const writer = new FrameWriter(limits);
  const worlds = new Map<number, WorldLive>();
  /** Those who watch something now. */
  const viewers = new Map<Viewer, ViewerState>();
  /** Outlives the watching, so that leaving and coming back does not get anybody more frames. */
  const states = new WeakMap<Viewer, ViewerState>();

  const worldOf = (number: number): WorldLive => {
    let world = worlds.get(number);
    if (!world) {
      const status = () => options.status(number);
      world = new WorldLive({ clock, logger, maxTopics, limits, reached, writer, status });
      worlds.set(number, world);
    }
    return world;
  };

  function* round(): Generator<void, void> {
    const watched = new Set([...viewers.keys()].map((viewer) => viewer.world));
    for (const number of watched) yield* worldOf(number).advance();
    const due = new Map<Digest, Watch[]>();
    for (const state of viewers.values()) {
      for (const watch of state.choose()) {
        const watches = due.get(watch.digest);
        if (watches) watches.push(watch);
        else due.set(watch.digest, [watch]);
      }
      yield;
    }
    for (const [digest, watches] of due) yield* digest.deliver(watches);
  }

  const ticker = new Ticker({
    clock,
    logger,
    timers: options.timers ?? systemTimers,
    turns: options.turns,
    everyMs: 1000 / limits.framesPerSecond,
    turnMs: limits.turnMs,
    restMs: limits.restMs,
    round,
    wanted: () => viewers.size > 0,
  });

  const full = (bound: Bound): 'full' => {
    reached[bound] += 1;
    return 'full';
  };

  const end = (viewer: Viewer, state: ViewerState, topic: string): boolean => {
    const watch = state.watches.get(topic);
    if (!watch) return false;
    state.watches.delete(topic);
    worldOf(viewer.world).leave(watch, viewer.principal.rules);
    return true;
  };

  const forget = (viewer: Viewer): void => {
    const state = viewers.get(viewer);
    if (!state) return;
    for (const topic of state.watches.keys()) end(viewer, state, topic);
    viewers.delete(viewer);
    if (viewers.size === 0) ticker.stop();
  };

  const computed: ComputedTopics = {
    prefix: DIGEST_PREFIX,
    subscribe: (viewer, topic) => {
      const wanted = parseDigestTopic(topic);
      if (!wanted) return 'refused';
      const state = states.get(viewer) ?? new ViewerState(viewer, clock, logger, limits.framesPerSecond);
      if (!viewers.has(viewer) && viewers.size >= limits.viewers) return full('maxViewers');
      if (!state.watches.has(topic) && state.watches.size >= limits.digestsPerViewer)
        return full('maxDigestsPerViewer');
      const digest = worldOf(viewer.world).open(wanted, viewer.principal.rules);
      if (!digest) return full('maxDigestsPerNamespace');
      // The new watch joins before the old one leaves, so that the digest stays open.
      const watch: Watch = { viewer: state, topic, digest, started: false };
      digest.join(watch);
      end(viewer, state, topic);
      state.watches.set(topic, watch);
      viewers.set(viewer, state);
      states.set(viewer, state);
      ticker.wake();
      return 'granted';
    },
    unsubscribe: (viewer, topic) => {
      const state = viewers.get(viewer);
      if (!state || !end(viewer, state, topic)) return false;
      if (state.watches.size === 0) forget(viewer);
      return true;
    },
    forget,
  };

  return {
    tap: (world) => worldOf(world).index.tap,
    computed,
    topics: (world, filter, limit, mayReceive = () => true) => worldOf(world).index.rows(filter, limit, mayReceive),
    viewers: () => viewers.size,
    indexed: () => [...worlds.values()].reduce((sum, { index }) => sum + index.leaves.length, 0),
    stop: () => {
      for (const viewer of viewers.keys()) forget(viewer);
      ticker.stop();
    },
  };
}

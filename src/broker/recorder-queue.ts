import type { Origin, QueueEntry } from '../store/index.ts';
import type { BrokerCore } from './core.ts';
import { releaseForRecorder } from './flow.ts';
import type { Qos0Recorder } from './recorder-port.ts';

/** Bounds of the recorder's queue: beyond them publishers of recorded topics are read more slowly. It drops nothing. */
const MAX_ENTRIES = 1_000_000;
const MAX_BYTES = 256 * 1024 * 1024;
/** A queue at its bound swings about it. */
const TELL_EVERY_MS = 60_000;

/** The recorder's durable queue, for the recorder to drain. */
export type RecorderQueue = {
  readonly incarnation: string;
  readonly origins: readonly Origin[];
  readonly read: (after: number, limit: number, maxBytes: number) => Promise<readonly QueueEntry[]>;
  readonly ackThrough: (number: number) => void;
  readonly depth: () => { readonly entries: number; readonly bytes: number };
  readonly onEntries: (wake: () => void) => void;
};

/** Makes the recorder a session of every world: known by its kind, with a queue of its own and no client id to take over. */
export function attachRecorder(core: BrokerCore, qos0: Qos0Recorder): RecorderQueue {
  const store = core.durable;
  const queue = store.openQueue('recorder');
  const target = { queue, maxQos: 2 as const, retainAsPublished: true, subscriptionIdentifiers: [] };
  for (const world of core.worlds.values()) {
    world.recorder = { qos0, target };
    world.subscriptions.generation += 1;
  }

  let wake: (() => void) | null = null;
  const check = (): void => {
    const { entries, bytes } = store.depth(queue);
    if (entries > 0) wake?.();
    const full = entries > MAX_ENTRIES || bytes > MAX_BYTES;
    if (core.recorderFull && !full && !qos0.crowded()) releaseForRecorder(core);
    if (full && !core.recorderFull) tell(entries);
    core.recorderFull = full;
  };
  let toldAtMs = Number.NEGATIVE_INFINITY;
  const tell = (entries: number): void => {
    const now = core.clock.monotonicMs();
    if (now - toldAtMs < TELL_EVERY_MS) return;
    toldAtMs = now;
    core.logger.warn(
      { waitingForHistory: entries },
      'history is behind: publishers of recorded topics are read more slowly, and acknowledged as there is room',
    );
  };
  core.turn.onAppended(check);

  return {
    incarnation: store.incarnation,
    origins: store.origins,
    read: (after, limit, maxBytes) => store.read(queue, after, limit, maxBytes),
    ackThrough(number) {
      store.ackThrough(queue, number);
      core.turn.wrote();
      check();
    },
    depth: () => store.depth(queue),
    onEntries(listener) {
      wake = listener;
    },
  };
}

import type { Origin, QueueEntry } from '../store/index.ts';
import type { BrokerCore } from './core.ts';
import { releaseForRecorder } from './flow.ts';
import { noReceivers } from './receivers.ts';
import type { Qos0Recorder } from './recorder-port.ts';
import { setPressure } from './store-pressure.ts';

/** A queue at its bound has room again when so much of it is used. */
const ROOM_AGAIN = 0.9;
/** It swings about it. */
const TELL_EVERY_MS = 60_000;

/** The recorder's durable queue, for the recorder to drain. */
export type RecorderQueue = {
  readonly incarnation: string;
  readonly origins: readonly Origin[];
  readonly read: (after: number, limit: number, maxBytes: number) => Promise<readonly QueueEntry[]>;
  readonly ackThrough: (number: number) => void;
  /** All up to this number was taken by the history of then, before this broker; 0: nobody knows. */
  readonly takenBefore: number;
  readonly depth: () => { readonly entries: number; readonly bytes: number };
  /** `isFull`: publishers wait, or are about to. */
  readonly onEntries: (wake: (isFull: boolean) => void) => void;
};

/** Makes the recorder a session of every world: known by its kind, with a queue of its own and no client id to take over. */
export function attachRecorder(core: BrokerCore, qos0: Qos0Recorder): RecorderQueue {
  const store = core.durable;
  const queue = store.openQueue('recorder');
  const target = { queue, maxQos: 2 as const, retainAsPublished: true, subscriptionIdentifiers: [] };
  for (const world of core.worlds.values()) {
    world.recorder = { qos0, target, alone: noReceivers(target) };
    world.subscriptions.changedAll();
  }

  let wake: ((isFull: boolean) => void) | null = null;
  const look = (): number => {
    const { entries, bytes } = store.depth(queue);
    const part = core.recorderFull ? ROOM_AGAIN : 1;
    const { maxRecorderQueueMessages, maxRecorderQueueBytes } = core.limits;
    core.recorderRoom = maxRecorderQueueMessages - entries;
    core.recorderRoomBytes = maxRecorderQueueBytes - bytes;
    const isFull = entries >= maxRecorderQueueMessages * part || bytes >= maxRecorderQueueBytes * part;
    if (isFull && !core.recorderFull) {
      const isOfBytes = bytes >= maxRecorderQueueBytes;
      core.reached[isOfBytes ? 'maxRecorderQueueBytes' : 'maxRecorderQueueMessages'] += 1;
      tell(entries);
    }
    setPressure(core, 'recorderFull', isFull);
    return entries;
  };
  const check = (): void => {
    if (look() > 0) wake?.(core.recorderFull);
    if (core.waitingForRecorder.size > 0 && !qos0.crowded()) releaseForRecorder(core);
  };
  let toldAtMs = Number.NEGATIVE_INFINITY;
  const tell = (entries: number): void => {
    const now = core.clock.monotonicMs();
    if (now - toldAtMs < TELL_EVERY_MS) return;
    toldAtMs = now;
    core.logger.warn(
      { waitingForHistory: entries },
      'history is behind: publishers of recorded topics wait, and are acknowledged as there is room',
    );
  };
  core.turn.onAppended(check);
  core.checkRecorder = look;

  return {
    incarnation: store.incarnation,
    origins: store.origins,
    async read(after, limit, maxBytes) {
      const entries = await store.read(queue, after, limit, maxBytes);
      // What a crash may still take back must not be in history: a QoS 2 publisher sends it again, as a message of its own.
      if (entries.length > 0) await core.turn.whenDurable();
      return entries;
    },
    ackThrough(number) {
      store.ackThrough(queue, number);
      core.turn.wrote();
      check();
    },
    takenBefore: store.ackedThrough(queue),
    depth: () => store.depth(queue),
    onEntries(listener) {
      wake = listener;
    },
  };
}

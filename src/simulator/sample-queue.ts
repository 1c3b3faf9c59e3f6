import type { DeviceMessage, DeviceModel } from './device.ts';
import type { DeviceTime } from './time.ts';

/** The samples that a device has taken and not yet handed over, oldest first. */
export type SampleQueue = {
  /** Takes the samples that are due by now. */
  readonly takeDue: () => void;
  /** Its messages; who publishes one takes it off the list. */
  readonly first: () => DeviceMessage[] | undefined;
  readonly removeFirst: () => void;
  readonly msToNext: () => number;
  readonly size: () => number;
};

/** A device that keeps samples stops sampling at this many, so that its ids have no gap: a day at one a second. */
const MAX_PENDING = 86_400;

/** Samples are due `periodMs` apart from now on, without drift; `count` null: without end. */
export function sampleQueue(model: DeviceModel, periodMs: number, count: number | null, time: DeviceTime): SampleQueue {
  const switchedOnMs = time.monotonicMs();
  let queue: DeviceMessage[][] = [];
  let head = 0;
  let taken = 0;
  let dueMs = switchedOnMs;
  const size = () => queue.length - head;

  return {
    takeDue: () => {
      const now = time.monotonicMs();
      // One that blocks without a connection takes one sample after the pause, not all that were missed.
      if (!model.keepsSamples && now - dueMs > periodMs) dueMs = now;
      const room = model.keepsSamples ? MAX_PENDING : 1;
      while (now >= dueMs && size() < room && (count === null || taken < count)) {
        queue.push([...model.sample(dueMs - switchedOnMs)]);
        taken += 1;
        dueMs += periodMs;
      }
      if (size() >= MAX_PENDING) dueMs = now + periodMs;
    },
    first: () => queue[head],
    removeFirst: () => {
      head += 1;
      if (head < 1000 && head < queue.length) return;
      queue = queue.slice(head);
      head = 0;
    },
    msToNext: () => dueMs - time.monotonicMs(),
    size,
  };
}

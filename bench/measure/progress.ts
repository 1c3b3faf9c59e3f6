/**
 * How far all of the receivers in one process have come with one publisher: the number of its messages which every one of
 * them has had. A publisher's window moves by the slowest receiver.
 */
export type Progress = {
  readonly receivers: number;
  readonly had: Uint32Array;
  readonly mask: number;
  reached: number;
};

/** `window` is the most that the publisher has on its way at once, so arrivals lie within it. */
export function createProgress(receivers: number, window: number): Progress {
  const slots = 2 ** Math.ceil(Math.log2(Math.max(2, window + 1)));
  return { receivers, had: new Uint32Array(slots), mask: slots - 1, reached: 0 };
}

/** One receiver had message `sequence`. True when `reached` has moved. Assumes that each receives in order. */
export function advance(progress: Progress, sequence: number): boolean {
  if (progress.receivers === 1) {
    progress.reached = sequence + 1;
    return true;
  }
  const { had, mask, receivers } = progress;
  had[sequence & mask]! += 1;
  if (sequence !== progress.reached || had[sequence & mask] !== receivers) return false;
  while (had[progress.reached & mask] === receivers) {
    had[progress.reached & mask] = 0;
    progress.reached += 1;
  }
  return true;
}

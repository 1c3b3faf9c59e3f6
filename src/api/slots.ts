import type { ServerResponse } from 'node:http';
import { finished } from 'node:stream';
import { Problem } from './problems.ts';

/** A bound on what runs at once. */
export type Slots = {
  readonly used: () => number;
  /** Takes a slot and returns the function that gives it back (once); raises a `busy` problem when none is free. */
  readonly take: () => () => void;
  /** Takes a slot until the answer is sent or its reader is gone: what was read for it is in memory that long. */
  readonly hold: (response: ServerResponse) => void;
};

/** `what` completes the sentence "All N ... are in use"; `onFull` is called for each who finds none free. */
export function createSlots(max: number, what: string, retryAfterS: number, onFull: () => void): Slots {
  let used = 0;
  const take = (): (() => void) => {
    if (used >= max) {
      onFull();
      throw new Problem('busy', `All ${max} ${what} are in use.`, { headers: { 'retry-after': String(retryAfterS) } });
    }
    used += 1;
    let held = true;
    return () => {
      if (held) used -= 1;
      held = false;
    };
  };
  return {
    used: () => used,
    take,
    hold: (response) => {
      const release = take();
      finished(response, release);
    },
  };
}

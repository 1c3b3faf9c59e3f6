import type { Repeat } from '../access/index.ts';

/** A timer that does not keep the process alive. */
export const inBackground: Repeat = (work, everyMs) => {
  const timer = setInterval(work, everyMs);
  timer.unref();
  return () => clearInterval(timer);
};

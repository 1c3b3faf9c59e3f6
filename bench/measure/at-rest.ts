import { type TreeUsage, treeUsage } from './proc.ts';

const STEP_MS = 200;
/** A broker that uses less than this share of a core is at rest. */
const REST_SHARE = 0.05;
const DEADLINE_MS = 15_000;

/**
 * Waits until a process tree is at rest (at most 15 s) and returns its usage at the moment from which on it was: what it still
 * had to do for the messages before is in it.
 */
export async function usageAtRest(root: number): Promise<TreeUsage> {
  const until = Date.now() + DEADLINE_MS;
  let from = treeUsage(root);
  for (;;) {
    await new Promise((resolve) => setTimeout(resolve, STEP_MS));
    const to = treeUsage(root);
    if (to.cpuMicros - from.cpuMicros <= REST_SHARE * STEP_MS * 1000 || Date.now() > until) return from;
    from = to;
  }
}

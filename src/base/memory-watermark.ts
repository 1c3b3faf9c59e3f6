import { totalmem } from 'node:os';
import type { Logger } from './logger.ts';
import type { Reached } from './reached.ts';

/**
 * What is shed, each beside what comes before it: at 1 new connections wait; at 2 receivers that are behind get no QoS 0
 * messages and what is only remembered for speed is forgotten; at 3 publishers are read more slowly. Nothing that was
 * acknowledged is ever given up.
 */
export type ShedLevel = 0 | 1 | 2 | 3;

/** Memory at which load is shed before the process is in danger. */
export type MemoryWatermark = {
  readonly level: () => ShedLevel;
  /** Looks at the memory; returns the level. To be called about twice a second. */
  readonly look: () => ShedLevel;
  readonly bytes: number;
};

export type MemoryWatermarkOptions = {
  /** Where level 3 begins; 0: `defaultWatermark`. */
  readonly bytes: number;
  readonly logger: Logger;
  readonly reached: Reached;
  /** Resident memory of the process; a test gives its own. */
  readonly read?: () => number;
};

/** Shares of the watermark at which each level begins. */
const BEGINS = [0, 0.85, 0.92, 1] as const;
/** A level is left this far below, so that it does not come and go with each look. */
const LEFT_BELOW = 0.05;
const WORDS = [
  'memory is below its watermark again: nothing is shed',
  'memory is near its watermark: new connections wait',
  'memory is near its watermark: receivers that are behind get no QoS 0 messages, and caches are emptied',
  'memory is at its watermark: publishers are read more slowly',
] as const;

export function createMemoryWatermark({ logger, reached, ...options }: MemoryWatermarkOptions): MemoryWatermark {
  const { read = () => process.memoryUsage.rss() } = options;
  const bytes = options.bytes > 0 ? options.bytes : defaultWatermark(totalmem(), process.constrainedMemory() ?? 0);
  let level: ShedLevel = 0;
  return {
    bytes,
    level: () => level,
    look() {
      const rssBytes = read();
      const next = levelAt(rssBytes / bytes, level);
      if (next !== level) {
        logger[next > level ? 'warn' : 'info']({ rssBytes, watermark: bytes, level: next }, WORDS[next]);
        if (next > level) reached.memoryWatermarkBytes += 1;
        level = next;
      }
      return level;
    },
  };
}

/** Six tenths of what the machine, or its control group, has: the rest is for history, the kernel's buffers and others. */
export function defaultWatermark(machineBytes: number, groupBytes: number): number {
  const most = groupBytes > 0 ? Math.min(machineBytes, groupBytes) : machineBytes;
  return Math.trunc(most * 0.6);
}

function levelAt(share: number, now: ShedLevel): ShedLevel {
  for (const level of [3, 2, 1] as const) {
    if (share >= BEGINS[level] - (level <= now ? LEFT_BELOW : 0)) return level;
  }
  return 0;
}

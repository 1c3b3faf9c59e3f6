import { totalmem } from 'node:os';
import { getHeapStatistics, setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
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

/** Of the process. `usedBytes`: JavaScript's heap, and the buffers that it refers to. */
export type MemoryReading = {
  readonly residentBytes: number;
  readonly usedBytes: number;
  /** Share of the heap's own limit, at which V8 ends the process, that is in use. */
  readonly heapShare: number;
};

export type MemoryWatermarkOptions = {
  /** Where level 3 begins; 0: `defaultWatermark`. */
  readonly bytes: number;
  readonly logger: Logger;
  readonly reached: Reached;
  /** What the machine, or its control group, has; a test gives its own, as of the next two. */
  readonly machineBytes?: number;
  readonly read?: () => MemoryReading;
  /** Frees what nobody refers to. */
  readonly collect?: () => void;
};

/** Shares of the watermark at which each level begins. */
const BEGINS = [0, 0.85, 0.92, 1] as const;
/** A level is left this far below, so that it does not come and go with each look. */
const LEFT_BELOW = 0.05;
/** Memory that was freed within the process and not given back to the system counts where all of it is so much of the machine's. */
const DANGER = 0.9;
/** The heap's own limit is met by V8 with the end of the process. */
const HEAP_DANGER = 0.8;
/** While anything is shed, what nobody refers to is freed at one look of so many, the first one too. */
const LOOKS_A_COLLECTION = 4;
const WORDS = [
  'memory is below its watermark again: nothing is shed',
  'memory is near its watermark: new connections wait',
  'memory is near its watermark: receivers that are behind get no QoS 0 messages, and caches are emptied',
  'memory is at its watermark: publishers are read more slowly',
] as const;

/**
 * What counts is what is in use: the heap, its buffers, and what else the process had when it used least. An allocator keeps
 * much of what was freed, and gives it out again before it asks the system for more.
 */
export function createMemoryWatermark({ logger, reached, ...options }: MemoryWatermarkOptions): MemoryWatermark {
  const { read = readMemory, collect = collectGarbage, machineBytes = memoryOfMachine() } = options;
  const bytes = options.bytes > 0 ? options.bytes : defaultWatermark(machineBytes);
  let level: ShedLevel = 0;
  let looks = 0;
  let besideBytes = Number.POSITIVE_INFINITY;
  return {
    bytes,
    level: () => level,
    look() {
      const { residentBytes, usedBytes, heapShare } = read();
      besideBytes = Math.min(besideBytes, Math.max(0, residentBytes - usedBytes));
      const inUseBytes = Math.min(residentBytes, usedBytes + besideBytes);
      const next = levelAt(
        Math.max(inUseBytes / bytes, residentBytes / (machineBytes * DANGER), heapShare / HEAP_DANGER),
        level,
      );
      if (next !== level) {
        const fields = { residentBytes, inUseBytes, watermark: bytes, level: next };
        logger[next > level ? 'warn' : 'info'](fields, WORDS[next]);
        if (next > level) reached.memoryWatermarkBytes += 1;
        level = next;
      }
      // Who does little, since its load is shed, makes no garbage and so would never collect what it has.
      looks = level === 0 ? 0 : looks + 1;
      if (looks % LOOKS_A_COLLECTION === 1) collect();
      return level;
    },
  };
}

const HEAP_LIMIT = getHeapStatistics().heap_size_limit;

function readMemory(): MemoryReading {
  const { rss, heapUsed, external } = process.memoryUsage();
  return { residentBytes: rss, usedBytes: heapUsed + external, heapShare: heapUsed / HEAP_LIMIT };
}

/** Node lets a program do so by this flag only, which may be set while it runs. */
function collectGarbage(): void {
  setFlagsFromString('--expose-gc');
  (runInNewContext('gc') as () => void)();
}

function memoryOfMachine(): number {
  return leastMemory(totalmem(), process.constrainedMemory() ?? 0);
}

/** `groupBytes`: 0 or beyond all memory where there is no control group with a limit. */
export function leastMemory(machineBytes: number, groupBytes: number): number {
  return groupBytes > 0 ? Math.min(machineBytes, groupBytes) : machineBytes;
}

/** Six tenths of what there is: the rest is for history, the kernel's buffers and others. */
export function defaultWatermark(machineBytes: number): number {
  return Math.trunc(machineBytes * 0.6);
}

function levelAt(share: number, now: ShedLevel): ShedLevel {
  for (const level of [3, 2, 1] as const) {
    if (share >= BEGINS[level] - (level <= now ? LEFT_BELOW : 0)) return level;
  }
  return 0;
}

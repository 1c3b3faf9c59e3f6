import type { Rest } from '../net/rest.ts';
import type { TopicMemories, TopicMemory } from './topic-memory.ts';

/** Fills spark lines of rows on the screen from history, a few at a time, so that a trend is there at once. */
export type SparkSeeds = { readonly want: (topics: readonly string[]) => void; readonly end: () => void };

const SETTLE_MS = 200;
const AT_ONCE = 2;
const MAX_WAITING = 60;
const ENOUGH = 15;
/** Fewer than `ENOUGH` in one of these spans is few enough for the next one to be read whole. */
const SPANS_MS = [60_000, 20 * 60_000, 6 * 3600_000];
const MOST_POINTS = 600;

export function createSparkSeeds(
  rest: Rest,
  memories: TopicMemories,
  nowMs: () => number,
  onSeed: () => void,
): SparkSeeds {
  let waiting: string[] = [];
  let running = 0;
  let settle: ReturnType<typeof setTimeout> | undefined;
  const abort = new AbortController();

  const next = (): void => {
    while (running < AT_ONCE && waiting.length > 0) {
      const topic = waiting.shift()!;
      const memory = memories.get(topic);
      if (memory === undefined || memory.seeded || memory.sparkField === null) continue;
      memory.seeded = true;
      running += 1;
      void seed(memory, memory.sparkField).finally(() => {
        running -= 1;
        next();
      });
    }
  };

  const seed = async (memory: TopicMemory, field: string): Promise<void> => {
    const { topic } = memory.preview;
    try {
      for (const spanMs of SPANS_MS) {
        const from = new Date(nowMs() - spanMs).toISOString();
        const points = await rest.points({ topic, field, from, to: null }, MOST_POINTS, abort.signal);
        const numbers = points.flatMap(([atUs, value]) => (typeof value === 'number' ? [[atUs, value] as const] : []));
        // A slow topic has next to nothing in the last minute: its trend is that of a longer time.
        if (numbers.length < ENOUGH && spanMs !== SPANS_MS.at(-1)) continue;
        memories.seed(topic, numbers);
        onSeed();
        return;
      }
    } catch {
      if (abort.signal.aborted) memory.seeded = false;
      // No history of it (yet): the line grows from what comes live.
    }
  };

  return {
    want: (topics) => {
      clearTimeout(settle);
      // Rows that only pass by while somebody scrolls are not asked for.
      settle = setTimeout(() => {
        waiting = topics.filter((topic) => memories.get(topic)?.seeded === false).slice(0, MAX_WAITING);
        next();
      }, SETTLE_MS);
    },
    end: () => {
      clearTimeout(settle);
      waiting = [];
      abort.abort();
    },
  };
}

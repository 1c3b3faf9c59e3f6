import type { Rest } from '../net/rest.ts';
import type { TopicMemories } from './topic-memory.ts';

/** Fills spark lines of rows on the screen from history, a few at a time, so that a trend is there at once. */
export type SparkSeeds = { readonly want: (topics: readonly string[]) => void; readonly end: () => void };

const AT_ONCE = 2;
const MAX_WAITING = 60;
const SPAN_MS = 5 * 60_000;
const BUCKETS = 60;

export function createSparkSeeds(rest: Rest, memories: TopicMemories, onSeed: () => void): SparkSeeds {
  let waiting: string[] = [];
  let running = 0;
  const abort = new AbortController();

  const next = (): void => {
    while (running < AT_ONCE && waiting.length > 0) {
      const topic = waiting.shift()!;
      const memory = memories.get(topic);
      if (memory === undefined || memory.seeded || memory.sparkField === null) continue;
      memory.seeded = true;
      running += 1;
      void seed(topic, memory.sparkField).finally(() => {
        running -= 1;
        next();
      });
    }
  };

  const seed = async (topic: string, field: string): Promise<void> => {
    const from = new Date(Date.now() - SPAN_MS).toISOString();
    try {
      const rows = await rest.buckets({ topic, field, from, to: null }, BUCKETS, abort.signal);
      memories.seed(topic, rows.map(([atUs, , avg]) => [atUs, avg] as const));
      onSeed();
    } catch {
      // No history of it (yet): the line grows from what comes live.
    }
  };

  return {
    want: (topics) => {
      waiting = topics.filter((topic) => memories.get(topic)?.seeded === false).slice(0, MAX_WAITING);
      next();
    },
    end: () => {
      waiting = [];
      abort.abort();
    },
  };
}

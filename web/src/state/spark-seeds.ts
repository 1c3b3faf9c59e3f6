import { SPARK_SAMPLES } from '../model/spark.ts';
import type { Rest } from '../net/rest.ts';
import type { TopicMemories, TopicMemory } from './topic-memory.ts';

/** Fills spark lines of rows on the screen from history, a few at a time, so that a trend is there at once. */
export type SparkSeeds = { readonly want: (topics: readonly string[]) => void; readonly end: () => void };

const AT_ONCE = 2;
const MAX_WAITING = 60;
const NEAR_MS = 60_000;
const NEAR_POINTS = 600;
const ENOUGH = 15;
const FAR_MS = 2 * 3600_000;

export function createSparkSeeds(
  rest: Rest,
  memories: TopicMemories,
  nowMs: () => number,
  onSeed: () => void,
): SparkSeeds {
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
      void seed(memory, memory.sparkField).finally(() => {
        running -= 1;
        next();
      });
    }
  };

  const seed = async (memory: TopicMemory, field: string): Promise<void> => {
    const { topic } = memory.preview;
    const since = (ms: number) => new Date(nowMs() - ms).toISOString();
    try {
      const near = { topic, field, from: since(NEAR_MS), to: null };
      const points = await rest.points(near, NEAR_POINTS, abort.signal);
      const recent = points.flatMap(([atUs, value]) => (typeof value === 'number' ? [[atUs, value] as const] : []));
      // A slow topic has next to nothing in the last minute: its trend is that of the last hours.
      const far = { topic, field, from: since(FAR_MS), to: null };
      const buckets = recent.length >= ENOUGH ? [] : await rest.buckets(far, SPARK_SAMPLES, abort.signal);
      memories.seed(topic, recent.length >= ENOUGH ? recent : buckets.map(([atUs, , avg]) => [atUs, avg] as const));
      onSeed();
    } catch {
      if (abort.signal.aborted) memory.seeded = false;
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

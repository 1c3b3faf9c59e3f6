import type { RecorderEntry, RecorderSource } from '../port.ts';

/** A recorder's queue in memory, with what a test wants to look at. */
export type MemorySource = RecorderSource & {
  readonly add: (world: number, topic: string, payload: string | Uint8Array, arrivedUs: number) => number;
  readonly acknowledged: () => number;
};

const encoder = new TextEncoder();

export function createMemorySource(
  incarnation = 'test-1',
  origins: RecorderSource['origins'] = [],
  takenBefore = 0,
  bound = Number.POSITIVE_INFINITY,
): MemorySource {
  let entries: RecorderEntry[] = [];
  let last = takenBefore;
  let acknowledged = 0;
  let wake: ((isFull: boolean) => void) | null = null;
  let awake = false;

  return {
    incarnation,
    origins,
    takenBefore,
    add: (world, topic, payload, arrivedUs) => {
      last += 1;
      const bytes = typeof payload === 'string' ? encoder.encode(payload) : payload;
      entries.push({ number: last, message: { world, topic, payload: bytes, arrivedUs } });
      const isFull = entries.length >= bound;
      if (!awake || isFull) {
        awake = true;
        wake?.(isFull);
      }
      return last;
    },
    acknowledged: () => acknowledged,
    read: async (after, limit, maxBytes) => {
      awake = false;
      const page: RecorderEntry[] = [];
      let bytes = 0;
      for (const entry of entries) {
        if (entry.number <= after) continue;
        if (page.length >= limit || bytes > maxBytes) break;
        page.push(entry);
        bytes += entry.message.payload.length;
      }
      return page;
    },
    ackThrough: (number) => {
      acknowledged = Math.max(acknowledged, number);
      entries = entries.filter((entry) => entry.number > number);
    },
    depth: () => ({
      entries: entries.length,
      bytes: entries.reduce((sum, entry) => sum + entry.message.payload.length, 0),
    }),
    onEntries: (given) => {
      wake = given;
    },
  };
}

import type { Cadence } from '../model/cadence.ts';
import { nextCadence } from '../model/cadence.ts';
import type { Preview } from '../model/digest.ts';
import type { Reading } from '../model/reading.ts';
import { primaryField, readPreview } from '../model/reading.ts';
import type { Spark } from '../model/spark.ts';
import { createSpark, pushSample, seedSpark } from '../model/spark.ts';

/** What the page remembers of one topic beyond its last value: pace, trend, and how to read it. */
export type TopicMemory = {
  preview: Preview;
  reading: Reading;
  cadence: Cadence;
  spark: Spark;
  /** Field that the spark shows; null while none is a number. */
  sparkField: string | null;
  /** Whether history was asked for samples older than this page. */
  seeded: boolean;
  /** Counts changes of the value since the page opened; 0 for the first sight, which does not glow. */
  changes: number;
};

const MAX_TOPICS = 4000;

/** Bounded: the topic that was seen longest ago makes room. */
export type TopicMemories = {
  readonly get: (topic: string) => TopicMemory | undefined;
  /** Takes a new sight of a topic; `live` is false for the first frame after subscribing. */
  readonly note: (preview: Preview, messages: number, live: boolean) => TopicMemory;
  readonly seed: (topic: string, samples: readonly (readonly [number, number])[]) => void;
};

export function createTopicMemories(): TopicMemories {
  const known = new Map<string, TopicMemory>();

  return {
    get: (topic) => known.get(topic),
    note: (preview, messages, live) => {
      const atUs = preview.at ?? 0;
      const before = known.get(preview.topic);
      if (before === undefined) {
        const made = firstSight(preview, messages);
        known.set(preview.topic, made);
        if (known.size > MAX_TOPICS) known.delete(known.keys().next().value!);
        return made;
      }
      known.delete(preview.topic);
      known.set(preview.topic, before);
      const changed = before.preview.at !== preview.at || before.preview.payload !== preview.payload;
      before.cadence = nextCadence(before.cadence, atUs, messages);
      before.preview = preview;
      if (!changed) return before;
      before.reading = readPreview(preview);
      if (live) before.changes += 1;
      sample(before, atUs);
      return before;
    },
    seed: (topic, samples) => {
      const memory = known.get(topic);
      if (memory !== undefined) seedSpark(memory.spark, samples);
    },
  };
}

function firstSight(preview: Preview, messages: number): TopicMemory {
  const reading = readPreview(preview);
  const memory: TopicMemory = {
    preview,
    reading,
    cadence: nextCadence(undefined, preview.at ?? 0, messages),
    spark: createSpark(),
    sparkField: primaryField(reading.fields)?.field ?? null,
    seeded: false,
    changes: 0,
  };
  sample(memory, preview.at ?? 0);
  return memory;
}

function sample(memory: TopicMemory, atUs: number): void {
  const { reading } = memory;
  memory.sparkField ??= primaryField(reading.fields)?.field ?? null;
  const value = reading.fields.find((field) => field.field === memory.sparkField)?.value;
  if (typeof value === 'number' && atUs > 0) pushSample(memory.spark, atUs, value);
}

import type { TopicsPart } from '../protocol.ts';
import type { Catalog, Topic } from './catalog.ts';

/** The topics that batches name by number. */
export type TopicTable = {
  readonly learn: (parts: readonly TopicsPart[]) => void;
  readonly of: (dictionary: number) => readonly Topic[];
};

/** Dictionaries that are kept: the one that fills and the one before, whose last batches may still come. */
const KEPT = 2;

export function createTopicTable(catalog: Catalog): TopicTable {
  const tables = new Map<number, Topic[]>();

  return {
    learn: (parts) => {
      for (const part of parts) {
        let table = tables.get(part.id);
        if (table === undefined || part.from === 0) {
          table = [];
          tables.set(part.id, table);
        }
        for (let i = 0; i < part.topics.length; i++) {
          table[part.from + i] = catalog.topic(part.worlds[i]!, part.topics[i]!);
        }
        for (const id of tables.keys()) {
          if (tables.size > KEPT && id !== part.id) tables.delete(id);
        }
      }
    },
    of: (dictionary) => tables.get(dictionary) ?? [],
  };
}

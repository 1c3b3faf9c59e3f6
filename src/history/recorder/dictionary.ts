/** Topics as numbers, so that a topic's text crosses to the history process once. */
export type TopicDictionary = {
  /** Names this dictionary: numbers of another one mean other topics. */
  readonly id: number;
  readonly worlds: readonly number[];
  readonly topics: readonly string[];
  /** The number of a topic whose cache entry is `key`: one WeakMap look-up. */
  readonly byKey: (key: object, world: number, topic: string) => number;
  /** The number of a topic by its text. */
  readonly byName: (world: number, topic: string) => number;
  /** True when it has grown so much that the next batch should begin a new one. */
  readonly full: () => boolean;
};

/** Beyond this many topics a new dictionary is begun, which bounds the memory of both processes. */
const MOST_TOPICS = 200_000;

let dictionaries = 0;

export function createDictionary(mostTopics = MOST_TOPICS): TopicDictionary {
  dictionaries += 1;
  const worlds: number[] = [];
  const topics: string[] = [];
  const keys = new WeakMap<object, number>();
  const names = new Map<number, Map<string, number>>();

  const byName = (world: number, topic: string): number => {
    let ofWorld = names.get(world);
    if (ofWorld === undefined) {
      ofWorld = new Map();
      names.set(world, ofWorld);
    }
    const known = ofWorld.get(topic);
    if (known !== undefined) return known;
    const number = topics.length;
    worlds.push(world);
    topics.push(topic);
    ofWorld.set(topic, number);
    return number;
  };

  return {
    id: dictionaries,
    worlds,
    topics,
    byKey: (key, world, topic) => {
      const known = keys.get(key);
      if (known !== undefined) return known;
      const before = topics.length;
      const number = byName(world, topic);
      // A new one may never come again: a flood of those would fill the map.
      if (topics.length === before) keys.set(key, number);
      return number;
    },
    byName,
    full: () => topics.length >= mostTopics,
  };
}

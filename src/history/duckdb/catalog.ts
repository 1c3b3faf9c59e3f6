import { filterMatches } from '../../topics/index.ts';
import type { DecodedValue } from '../decoders/index.ts';

/** One series with its figures. Figures move only after the commit of the rows that they count. */
export type Series = {
  readonly id: number;
  readonly topic: Topic;
  readonly field: string;
  readonly unit: string | null;
  /** Numbers and gap marks. */
  points: number;
  /** Texts, exact integers and bytes. */
  texts: number;
  firstUs: number;
  lastUs: number;
  lastValue: DecodedValue;
  /** Its figures differ from the snapshot. */
  dirty: boolean;
};

export type Topic = {
  readonly world: number;
  readonly name: string;
  readonly fields: Map<string, Series>;
};

/** Every series of every world, in memory; 100,000 of them are about 30 MB. */
export type Catalog = {
  readonly topic: (world: number, name: string) => Topic;
  readonly findTopic: (world: number, name: string) => Topic | undefined;
  readonly find: (world: number, topic: string, field: string) => Series | undefined;
  readonly byId: (id: number) => Series;
  /** Opens a series; null when the world has as many as it may. */
  readonly open: (topic: Topic, field: string) => Series | null;
  readonly load: (id: number, world: number, topic: string, field: string, unit: string | null) => Series;
  /** Takes back series that no committed row uses. */
  readonly forget: (series: readonly Series[]) => void;
  /** Series with at least one value whose topic the filter matches, in the order of their opening. */
  readonly match: (world: number, filter: string, limit: number) => readonly Series[];
  readonly dirty: () => readonly Series[];
  /** Series of all worlds. */
  readonly size: () => number;
};

/** Where the payloads of a world go whose topic could not get a series any more. */
export const OVERFLOW_TOPIC = '$sonde/overflow';

/** Text of a last value is kept up to here in memory; the row itself is whole. */
const LAST_TEXT = 1024;

export function createCatalog(maxSeries: number): Catalog {
  const worlds = new Map<number, Map<string, Topic>>();
  const counts = new Map<number, number>();
  const all: (Series | undefined)[] = [];
  let nextId = 1;

  const topicOf = (world: number, name: string): Topic => {
    let topics = worlds.get(world);
    if (topics === undefined) {
      topics = new Map();
      worlds.set(world, topics);
    }
    let topic = topics.get(name);
    if (topic === undefined) {
      topic = { world, name, fields: new Map() };
      topics.set(name, topic);
    }
    return topic;
  };

  const insert = (id: number, topic: Topic, field: string, unit: string | null): Series => {
    const series: Series = {
      id,
      topic,
      field,
      unit,
      points: 0,
      texts: 0,
      firstUs: Number.POSITIVE_INFINITY,
      lastUs: Number.NEGATIVE_INFINITY,
      lastValue: null,
      dirty: false,
    };
    topic.fields.set(field, series);
    all[id] = series;
    counts.set(topic.world, (counts.get(topic.world) ?? 0) + 1);
    if (id >= nextId) nextId = id + 1;
    return series;
  };

  return {
    topic: topicOf,
    findTopic: (world, name) => worlds.get(world)?.get(name),
    find: (world, topic, field) => worlds.get(world)?.get(topic)?.fields.get(field),
    byId: (id) => all[id]!,
    open: (topic, field) => {
      if (topic.name !== OVERFLOW_TOPIC && (counts.get(topic.world) ?? 0) >= maxSeries) return null;
      return insert(nextId, topic, field, null);
    },
    load: (id, world, topic, field, unit) => insert(id, topicOf(world, topic), field, unit),
    forget: (list) => {
      for (const series of list) {
        series.topic.fields.delete(series.field);
        all[series.id] = undefined;
        counts.set(series.topic.world, (counts.get(series.topic.world) ?? 1) - 1);
      }
    },
    match: (world, filter, limit) => {
      const found: Series[] = [];
      const topics = worlds.get(world);
      if (topics === undefined) return found;
      if (!/[+#]/.test(filter)) {
        const topic = topics.get(filter);
        return topic === undefined ? found : [...topic.fields.values()].filter(hasValues).slice(0, limit);
      }
      for (const topic of topics.values()) {
        if (!filterMatches(filter, topic.name)) continue;
        for (const series of topic.fields.values()) {
          if (!hasValues(series)) continue;
          if (found.length >= limit) return found;
          found.push(series);
        }
      }
      return found;
    },
    size: () => {
      let sum = 0;
      for (const count of counts.values()) sum += count;
      return sum;
    },
    dirty: () => all.filter((series): series is Series => series?.dirty === true),
  };
}

function hasValues(series: Series): boolean {
  return series.points + series.texts > 0;
}

/** Counts one committed value. Rows come in the order of seq, so a tie of time is won by the later one. */
export function count(series: Series, timeUs: number, value: DecodedValue, isText: boolean): void {
  if (isText) series.texts += 1;
  else series.points += 1;
  if (timeUs < series.firstUs) series.firstUs = timeUs;
  if (timeUs >= series.lastUs) {
    series.lastUs = timeUs;
    series.lastValue = isText ? shortened(value) : value;
  }
  series.dirty = true;
}

function shortened(value: DecodedValue): DecodedValue {
  if (typeof value === 'string') return value.length <= LAST_TEXT ? value : `${wellFormed(value.slice(0, LAST_TEXT))}…`;
  if (value instanceof Uint8Array) return value.length <= LAST_TEXT ? value : value.slice(0, LAST_TEXT);
  if (typeof value === 'object' && value !== null && value.exact.length > LAST_TEXT) return shortened(value.exact);
  return value;
}

/** Without half a surrogate pair at its end. */
function wellFormed(text: string): string {
  const last = text.charCodeAt(text.length - 1);
  return last >= 0xd800 && last <= 0xdbff ? text.slice(0, -1) : text;
}

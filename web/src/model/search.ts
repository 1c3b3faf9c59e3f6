import { filterMatches } from '../../../src/topics/index.ts';

/** What a search text asks of the broker, and which of the answers it keeps. */
export type Search = {
  /** MQTT filter of the digest to subscribe to. */
  readonly filter: string;
  readonly keeps: (topic: string) => boolean;
  /** The text is a filter of its own (`sensors/+/temp`), not a piece of a name. */
  readonly exact: boolean;
};

/**
 * A text with wildcards in place of whole levels is an MQTT filter; any other is looked for inside the names, all words
 * in any order, without case. null when there is nothing to look for.
 */
export function parseSearch(text: string): Search | null {
  const trimmed = text.trim();
  if (trimmed === '') return null;
  if (isFilter(trimmed)) {
    return { filter: trimmed, keeps: (topic) => filterMatches(trimmed, topic), exact: true };
  }
  const words = trimmed.toLowerCase().split(/\s+/);
  return {
    filter: '#',
    keeps: (topic) => {
      const name = topic.toLowerCase();
      return words.every((word) => name.includes(word));
    },
    exact: false,
  };
}

/** The piece of a name to mark as found; null when there is no one piece. */
export function markOf(text: string, topic: string): readonly [start: number, end: number] | null {
  const word = text.trim().toLowerCase().split(/\s+/)[0] ?? '';
  const start = word === '' ? -1 : topic.toLowerCase().indexOf(word);
  return start < 0 ? null : [start, start + word.length];
}

function isFilter(text: string): boolean {
  const levels = text.split('/');
  const wild = levels.some((level) => level === '+' || level === '#');
  return (
    wild &&
    levels.every((level, at) => !/[+#]/.test(level) || level === '+' || (level === '#' && at === levels.length - 1))
  );
}

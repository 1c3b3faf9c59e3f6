import { topicFilterFault, topicNameFault } from '../topics/index.ts';

/** The prefix of all computed topics that the live view makes. */
export const DIGEST_PREFIX = '$sonde/';

/** What a digest topic asks for. */
export type DigestTopic =
  | { readonly kind: 'status' }
  /** The children of the node with that text; null: of the root. The first level of `/a` has the text ``. */
  | { readonly kind: 'tree'; readonly text: string | null }
  | { readonly kind: 'values'; readonly filter: string };

const TREE = `${DIGEST_PREFIX}tree`;
const VALUES = `${DIGEST_PREFIX}values`;

/** Reads a digest topic, e.g. `$sonde/tree/%2Fsensors`; null when there is no such. */
export function parseDigestTopic(topic: string): DigestTopic | null {
  if (topic === `${DIGEST_PREFIX}status`) return { kind: 'status' };
  if (topic === TREE) return { kind: 'tree', text: null };
  if (topic.startsWith(`${TREE}/`)) {
    const text = decode(topic.slice(TREE.length + 1));
    return text === null || (text !== '' && topicNameFault(text) !== null) ? null : { kind: 'tree', text };
  }
  if (topic.startsWith(`${VALUES}/`)) {
    const filter = decode(topic.slice(VALUES.length + 1));
    return filter === null || topicFilterFault(filter) !== null ? null : { kind: 'values', filter };
  }
  return null;
}

/** The text behind one percent-encoded level; null when it is none. */
function decode(level: string): string | null {
  if (/[/+#]/.test(level)) return null;
  try {
    return decodeURIComponent(level);
  } catch {
    return null;
  }
}

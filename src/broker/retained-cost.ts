import { type StoredMessage, storedBytes } from '../store/index.ts';
import { levelsOf } from './names.ts';

/** Each level of a topic or filter is a node of an index. */
export const NODE_BYTES = 200;

/** What a retained message counts for. */
export function retainedCost(message: StoredMessage): number {
  return storedBytes(message) + levelsOf(message.topic) * NODE_BYTES;
}

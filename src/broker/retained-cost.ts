import { type StoredMessage, storedBytes } from '../store/index.ts';
import { levelsOf } from './names.ts';

/** Each level of a topic is a node of the retained index. */
const NODE_BYTES = 200;

/** What a retained message counts for. */
export function retainedCost(message: StoredMessage): number {
  return storedBytes(message) + levelsOf(message.topic) * NODE_BYTES;
}

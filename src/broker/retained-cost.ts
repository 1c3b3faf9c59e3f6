import { type StoredMessage, storedBytes } from '../store/index.ts';
import type { MessageView } from './message-view.ts';
import { levelsOf } from './names.ts';

/** Each level of a topic or filter is a node of an index. */
export const NODE_BYTES = 200;

/** What a retained message counts for. */
export function retainedCost(message: StoredMessage): number {
  return storedBytes(message) + levelsOf(message.topic) * NODE_BYTES;
}

/** The same of one that is not copied yet. */
export function costToRetain({ topic, payloadStart, payloadEnd, properties }: MessageView): number {
  const propertyBytes = properties === null ? 0 : properties.length;
  return payloadEnd - payloadStart + topic.name.length + propertyBytes + levelsOf(topic.name) * NODE_BYTES;
}

import type { StoredMessage } from './port.ts';

/** What a message counts for where bytes are bounded: payload, topic and properties, each of which its sender may make large. */
export function storedBytes({ payload, topic, properties }: StoredMessage): number {
  return payload.length + topic.length + (properties === null ? 0 : properties.length);
}

export { createMemoryStore } from './memory/memory-store.ts';
export type { Position, QueueEntry, QueueId, QueueTarget, Store, StoredMessage, TableName } from './port.ts';
export { storedBytes } from './stored-bytes.ts';

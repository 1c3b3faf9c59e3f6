export type { Position, QueueEntry, QueueId, Store, StoredMessage, TableName } from './port.ts';

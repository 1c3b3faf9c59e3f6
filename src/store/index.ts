export { type Ballast, giveUpBallast, keepBallast } from './ballast.ts';
export { checkStore, type StoreReport } from './disk/check/check-store.ts';
export { type Damage, damageText } from './disk/damage.ts';
export type { DiskStore } from './disk/disk-store.ts';
export { beginStoreLife } from './disk/format.ts';
export { openDiskStore } from './disk/open-store.ts';
export { type FreeSpace, watchFreeSpace } from './free-space.ts';
export { createMemoryStore } from './memory/memory-store.ts';
export { decodeMessage, type ExpiryClock, encodeMessage, expiryClock } from './message-bytes.ts';
export { originOf } from './origins.ts';
export type {
  InFlight,
  Origin,
  Position,
  QueueEntry,
  QueueId,
  QueueTarget,
  Store,
  StoredMessage,
  TableName,
} from './port.ts';
export { storedBytes } from './stored-bytes.ts';

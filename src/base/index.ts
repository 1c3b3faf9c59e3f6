export type { Clock, ManualClock, OnWallStep } from './clock.ts';
export { manualClock, systemClock } from './clock.ts';
export { messageOf, OperatorError, systemCode } from './errors.ts';
export { Histogram } from './histogram.ts';
export type { LogFields, Logger } from './logger.ts';
export { silentLogger } from './logger.ts';
export { type LockHolder, type LockMachine, type LockResult, takeLock } from './process-lock.ts';
export { type BytesReader, readShared } from './shared-read.ts';
export { type StreamHandle, streamBinding, type WriteRequest } from './stream-binding.ts';

export type { Clock, ManualClock, OnWallStep } from './clock.ts';
export { manualClock, systemClock } from './clock.ts';
export { type CopyOptions, copyFile, sumOf, syncFolder } from './copy-file.ts';
export { messageOf, OperatorError, systemCode } from './errors.ts';
export { Histogram } from './histogram.ts';
export type { LogFields, Logger } from './logger.ts';
export { silentLogger } from './logger.ts';
export {
  createMemoryWatermark,
  defaultWatermark,
  leastMemory,
  type MemoryWatermark,
  type MemoryWatermarkOptions,
  type ShedLevel,
} from './memory-watermark.ts';
export { type LockHolder, type LockMachine, type LockResult, lookAtLock, takeLock } from './process-lock.ts';
export { BOUNDS, type Bound, nothingReached, type Reached } from './reached.ts';
export { type BytesReader, readShared } from './shared-read.ts';
export { sparingLogger } from './sparing-log.ts';
export { type StreamHandle, streamBinding, type WriteRequest } from './stream-binding.ts';
export { type ThreadCpu, threadCpu } from './thread-cpu.ts';
export { isTold, TOLD_SINGLY } from './told.ts';
export { TurnMeter, type TurnMeterOptions, WORK, type Work } from './turn-meter.ts';

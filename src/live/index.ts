export { createLive } from './live.ts';
export type { Live, LiveLimits, LiveOptions, LiveTimers, TopicRow, TopicRows, WorldStatus } from './port.ts';

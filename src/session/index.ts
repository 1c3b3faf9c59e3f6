export { type Exchange, Inflight, InflightState } from './inflight.ts';
export type { Effect, Subscription } from './session.ts';
export { Session } from './session.ts';
export type { SessionSink } from './sink.ts';

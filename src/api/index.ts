export type { Api, ApiOptions } from './api.ts';
export { createApi } from './api.ts';
export type { ApiLimits } from './limits.ts';
export { DEFAULT_LIMITS } from './limits.ts';
export type { HttpListener, ListenOptions } from './listen.ts';
export type { ApiBroker, Health, IsLocal, PublishRefusal, PublishResult, TopicInfo } from './ports.ts';

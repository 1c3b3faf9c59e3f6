export type { Limits, ListenAddress, LogLevel, Settings } from './settings.ts';
export { DEFAULTS } from './settings.ts';

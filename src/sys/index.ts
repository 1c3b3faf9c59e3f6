export { watchLoopDelay } from './loop-delay.ts';
export type { Sys, SysOptions, SysSource } from './port.ts';
export { createSys } from './sys.ts';

import type { Carrier, Properties } from './properties.ts';

export function decodeProperties(_b: Buffer, _s: number, _e: number, _c: Carrier): Properties {
  throw new Error('decodeProperties is on its way');
}

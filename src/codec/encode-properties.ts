import type { Carrier, Properties } from './properties.ts';

export function encodeProperties(_p: Properties, _c?: Carrier): Buffer {
  throw new Error('encodeProperties is on its way');
}

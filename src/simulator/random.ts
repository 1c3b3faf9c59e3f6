/** Numbers from 0 up to but without 1; the same seed gives the same ones. Not for secrets. */
export type Random = () => number;

/** Mulberry32: 32 bits of state are enough for a sensor's noise. */
export function seededRandom(seed: number): Random {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 0x1_0000_0000;
  };
}

/** `digits` hexadecimal digits, as in the client ids that these devices make of their hardware address. */
export function hexId(random: Random, digits: number): string {
  let id = '';
  while (id.length < digits) id += Math.floor(random() * 16).toString(16);
  return id;
}

/** Colours of series: a series keeps its colour in every chart, on every machine, so it is a hash of its name. */
const DARK = ['#45c9b4', '#7ea8ff', '#f0a35e', '#d291ee', '#ddca55', '#ff8fa0', '#92cf6c', '#6cc8ee'] as const;
const LIGHT = ['#0a7f70', '#2a60d6', '#b25a00', '#8b39b6', '#7d6a00', '#c42b4d', '#3c7a1c', '#0977a3'] as const;

export type Scheme = 'dark' | 'light';

/** A CSS colour for a topic's field, legible on the surface of the scheme. */
export function seriesColour(topic: string, field: string, scheme: Scheme): string {
  const palette = scheme === 'dark' ? DARK : LIGHT;
  return palette[hash(`${topic}\n${field}`) % palette.length]!;
}

/** FNV-1a over UTF-16 units, with a last mix so that names that differ in one letter part well. */
function hash(text: string): number {
  let h = 0x811c9dc5;
  for (let i = 0; i < text.length; i++) h = Math.imul(h ^ text.charCodeAt(i), 0x01000193);
  h ^= h >>> 15;
  return Math.imul(h, 0x2c1b3c6d) >>> 16;
}

import type { LoadQos } from './wire/encode.ts';

/** Who sends to whom: all publishers to one wildcard subscriber, one publisher to all, or each to its own. */
export type LoadShape = 'fan-in' | 'fan-out' | 'pairs';

/** One row of the table. `window` is how many messages of a publisher may be on their way at once. */
export type Load = {
  readonly name: string;
  readonly title: string;
  readonly shape: LoadShape;
  readonly publishers: number;
  readonly subscribers: number;
  readonly qos: LoadQos;
  readonly window: number;
  readonly payloadBytes: number;
  /**
   * `by-role`: publishers in one process, subscribers in others, credits between them. `by-pair`: both ends of a pair in one
   * process, so that a window of 1 does not measure the generator's own detour.
   */
  readonly placement: 'by-role' | 'by-pair';
};

const fanIn = {
  shape: 'fan-in',
  publishers: 50,
  subscribers: 1,
  window: 20,
  payloadBytes: 64,
  placement: 'by-role',
} as const;
const fanOut = {
  shape: 'fan-out',
  publishers: 1,
  subscribers: 200,
  window: 20,
  payloadBytes: 64,
  placement: 'by-role',
} as const;
const pairs = { shape: 'pairs', payloadBytes: 64, placement: 'by-pair' } as const;

/** Every load, in the order of the table. */
export const LOADS: readonly Load[] = [
  { name: 'fan-in-q0', title: 'fan-in, 50 to 1, QoS 0, window 20', ...fanIn, qos: 0 },
  { name: 'fan-in-q1', title: 'fan-in, 50 to 1, QoS 1, window 20', ...fanIn, qos: 1 },
  { name: 'fan-out-q0', title: 'fan-out, 1 to 200, QoS 0, window 20', ...fanOut, qos: 0 },
  { name: 'fan-out-q1', title: 'fan-out, 1 to 200, QoS 1, window 20', ...fanOut, qos: 1 },
  {
    name: 'pairs-50-q0-w1',
    title: '50 pairs, QoS 0, window 1',
    ...pairs,
    publishers: 50,
    subscribers: 50,
    qos: 0,
    window: 1,
  },
  {
    name: 'pairs-50-q1-w1',
    title: '50 pairs, QoS 1, window 1',
    ...pairs,
    publishers: 50,
    subscribers: 50,
    qos: 1,
    window: 1,
  },
  {
    name: 'pairs-500-q0-w1',
    title: '500 pairs, QoS 0, window 1',
    ...pairs,
    publishers: 500,
    subscribers: 500,
    qos: 0,
    window: 1,
  },
  {
    name: 'pairs-50-q1-w20',
    title: '50 pairs, QoS 1, window 20',
    ...pairs,
    publishers: 50,
    subscribers: 50,
    qos: 1,
    window: 20,
  },
  {
    name: 'pair-1-q0-w200',
    title: '1 pair, QoS 0, window 200',
    ...pairs,
    publishers: 1,
    subscribers: 1,
    qos: 0,
    window: 200,
    placement: 'by-role',
  },
];

/** The loads of these names, in the table's order. Throws with the known names when one is unknown. */
export function pickLoads(names: readonly string[]): readonly Load[] {
  const unknown = names.filter((name) => !LOADS.some((load) => load.name === name));
  if (unknown.length > 0) {
    throw new Error(`no such load: ${unknown.join(', ')}; there are ${LOADS.map((load) => load.name).join(', ')}`);
  }
  return names.length === 0 ? LOADS : LOADS.filter((load) => names.includes(load.name));
}

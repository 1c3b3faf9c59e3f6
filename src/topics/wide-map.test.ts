import { afterEach, expect, it, vi } from 'vitest';
import { RetainedIndex } from './retained-index.ts';
import { WideMap } from './wide-map.ts';

const MANY = 30_000;
const keys = Array.from({ length: MANY }, (_, n) => `plant/line${n % 10}/s${n}/state`);

afterEach(() => vi.restoreAllMocks());

/** The sizes of the largest Map that `work` fills. */
function largest(work: () => void): number {
  let most = 0;
  const set = Reflect.get(Map.prototype, 'set') as (this: Map<unknown, unknown>, key: unknown, value: unknown) => void;
  vi.spyOn(Map.prototype, 'set').mockImplementation(function (this: Map<unknown, unknown>, key, value) {
    set.call(this, key, value);
    most = Math.max(most, this.size);
    return this;
  });
  work();
  vi.restoreAllMocks();
  return most;
}

it('holds what was set, each key once, as keys come and go', () => {
  const map = new WideMap<number>();
  for (const [n, key] of keys.entries()) map.set(key, n);
  expect(map.size).toBe(MANY);
  expect(keys.filter((key, n) => n % 3 === 0 && map.delete(key))).toHaveLength(Math.ceil(MANY / 3));
  expect(map.delete(keys[0] as string)).toBe(false);
  keys.forEach((key, n) => void (n % 6 === 0 && map.set(key, -n)));
  keys.forEach((key, n) => void (n % 6 === 1 && map.set(key, -n)));
  const expected = keys.map((_, n) => (n % 6 === 3 ? undefined : n % 6 <= 1 ? -n : n));
  expect(keys.map((key) => map.get(key))).toEqual(expected);
  const left = expected.filter((value) => value !== undefined);
  expect(map.size).toBe(left.length);
  expect([...map.values()].sort((a, b) => a - b)).toEqual(left.sort((a, b) => a - b));
  for (const key of keys) map.delete(key);
  expect(map.size).toBe(0);
  expect([...map.values()]).toEqual([]);
});

it('lets no single Map grow beyond the first 16,384', () => {
  const map = new WideMap<number>();
  const fill = (): void => {
    for (const [n, key] of keys.entries()) map.set(key, n);
  };
  expect(largest(fill)).toBe(16_384);
});

it.each([
  ['in one level', (n: number) => `s${n}`],
  ['in many', (n: number) => `plant/${n}/state`],
])('keeps 30,000 retained topics %s without such a one, and finds all of them', (_, topicOf) => {
  const index = new RetainedIndex<number>();
  const fill = (): void => {
    for (let n = 0; n < MANY; n++) index.set(topicOf(n), n);
  };
  expect(largest(fill)).toBe(16_384);
  expect(index.size).toBe(MANY);
  const found = new Set([...index.matching('#')].map(([, n]) => n));
  expect(found.size).toBe(MANY);
  const gone = keys.filter((_, n) => index.delete(topicOf(n)) === n);
  expect(gone).toHaveLength(MANY);
  expect([...index.matching('#')]).toEqual([]);
  expect(index.size).toBe(0);
});

it('is gone through while keys come and go: what stays is seen once', () => {
  const index = new RetainedIndex<number>();
  for (let n = 0; n < 16_384; n++) index.set(`s${n}`, n);
  const seen: number[] = [];
  for (const [, n] of index.matching('+')) {
    seen.push(n);
    if (seen.length === 10) for (let more = 16_384; more < 20_000; more++) index.set(`s${more}`, more);
    if (seen.length === 20) for (let gone = 8000; gone < 9000; gone++) index.delete(`s${gone}`);
  }
  expect(new Set(seen).size).toBe(seen.length);
  const stayed = (n: number): boolean => n < 8000 || (n >= 9000 && n < 16_384);
  expect(seen.filter(stayed)).toHaveLength(15_384);
});

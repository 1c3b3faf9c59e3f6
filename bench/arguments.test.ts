import { expect, test } from 'vitest';
import { parseArguments } from './arguments.ts';

test('without words it compares everything, five rounds of two seconds', () => {
  expect(parseArguments([])).toMatchObject({
    mode: 'compare',
    loads: [],
    peers: [],
    rounds: 5,
    seconds: 2,
    workers: 2,
    quick: false,
  });
});

test('a quick run is short and may still be told what to run', () => {
  expect(parseArguments(['--quick'])).toMatchObject({ rounds: 2, seconds: 1, peers: ['mosquitto', 'sonde'] });
  expect(parseArguments(['--quick', '--loads', 'a, b,']).loads).toEqual(['a', 'b']);
});

test('a wrong word, flag or number is refused by name', () => {
  expect(() => parseArguments(['sing'])).toThrow(/unknown word "sing"/);
  expect(() => parseArguments(['--loud'])).toThrow(/--loud/);
  expect(() => parseArguments(['--rounds', 'many'])).toThrow(/--rounds wants a number above 0, not "many"/);
  expect(() => parseArguments(['--durability', 'fast'])).toThrow(/--durability is sync or async, not "fast"/);
});

test('durability is what Sonde is told, and its default when left out', () => {
  expect(parseArguments([]).durability).toBeNull();
  expect(parseArguments(['--against', 'HEAD~1', '--durability', 'async']).durability).toBe('async');
});

import { expect, it } from 'vitest';
import { parseStatus, parseTreeFrame, parseValuesFrame, treeDigest, valuesDigest } from './digest.ts';

it('names the digests of the empty level, of a node and of a filter', () => {
  expect(treeDigest('')).toBe('$sonde/tree/');
  expect(treeDigest('/sensors')).toBe('$sonde/tree/%2Fsensors');
  expect(valuesDigest('a/+/#')).toBe('$sonde/values/a%2F%2B%2F%23');
  expect(treeDigest('été')).toBe('$sonde/tree/%C3%A9t%C3%A9');
});

it('reads the rows of a tree and of a values frame', () => {
  expect(parseTreeFrame('{"full":true,"more":3,"children":[{"topic":"a"}]}')).toEqual({
    full: true,
    more: 3,
    rows: [{ topic: 'a' }],
  });
  expect(parseValuesFrame('{"full":false,"more":0,"topics":[]}')).toEqual({ full: false, more: 0, rows: [] });
});

it('takes nothing that is no frame', () => {
  for (const text of ['', '1', 'null', '{', '{"full":true}', '{"children":{}}'])
    expect(parseTreeFrame(text)).toBeNull();
  expect(parseTreeFrame('{"children":[1,null,{"topic":5}]}')?.rows).toEqual([]);
  expect(parseStatus('{"status":"ok"}')).toBeNull();
});

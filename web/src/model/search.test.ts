import { expect, it } from 'vitest';
import { markOf, parseSearch } from './search.ts';

it('looks for words inside names, in any order and without case', () => {
  const search = parseSearch(' Temp lab ');
  expect(search?.filter).toBe('#');
  expect(search?.keeps('LAB/room/temperature')).toBe(true);
  expect(search?.keeps('lab/room/humidity')).toBe(false);
});

it('takes wildcards in place of whole levels as a filter for the broker', () => {
  const search = parseSearch('lab/+/temp');
  expect(search).toMatchObject({ filter: 'lab/+/temp', exact: true });
  expect(search?.keeps('lab/a/temp')).toBe(true);
  expect(parseSearch('lab/#')?.filter).toBe('lab/#');
});

it('takes a plus inside a word, or # before the end, as text', () => {
  for (const text of ['a+b', 'a/#/b', 'c#', '#a'])
    expect(parseSearch(text)).toMatchObject({ filter: '#', exact: false });
});

it('looks for nothing in an empty text', () => {
  expect(parseSearch('   ')).toBeNull();
});

it('marks where the first word stands', () => {
  expect(markOf('ROOM x', 'lab/room2')).toEqual([4, 8]);
  expect(markOf('zzz', 'lab/room2')).toBeNull();
  expect(markOf('', 'lab')).toBeNull();
});

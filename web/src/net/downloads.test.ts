import { expect, it } from 'vitest';
import { fileName, filePath } from './downloads.ts';

it('takes the UTF-8 name of a disposition before the plain one', () => {
  expect(fileName(`attachment; filename="t_.csv"; filename*=UTF-8''t%C3%A9.csv`)).toBe('té.csv');
  expect(fileName('attachment; filename="a b.csv"')).toBe('a b.csv');
  expect(fileName('attachment')).toBeNull();
  expect(fileName(null)).toBeNull();
});

it('escapes the topic so that a plus stays a plus', () => {
  expect(filePath({ topic: '/a+b c', format: 'csv', from: null, to: null })).toBe(
    '/api/v1/points?topic=%2Fa%2Bb%20c&format=csv',
  );
});

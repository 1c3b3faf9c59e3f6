import { expect, it } from 'vitest';
import { NOTHING_SURE, nextSure } from './sure-commit.ts';

it('is sure of nothing after the first commit that it sees', () => {
  expect(nextSure(NOTHING_SURE, 100, true).sureUs).toBeNull();
});

it('is sure of what arrived before one commit once the next one is done', () => {
  const second = nextSure(nextSure(NOTHING_SURE, 100, true), 200, true);
  expect(second.sureUs).toBe(100);
  expect(nextSure(second, 200, true)).toBe(second);
});

it('learns nothing of batches that leave something behind', () => {
  const second = nextSure(nextSure(NOTHING_SURE, 100, true), 200, true);
  expect(nextSure(second, 300, false).sureUs).toBe(100);
  expect(nextSure(second, null, true)).toBe(second);
});

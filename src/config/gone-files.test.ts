import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { goneFiles, hasHistory } from './gone-files.ts';

let data: string;
beforeEach(() => {
  data = mkdtempSync(join(tmpdir(), 'sonde-gone-'));
});
afterEach(() => rmSync(data, { recursive: true, force: true }));

const put = (name: string): void => writeFileSync(join(data, name), '');
const isHistoryGone = (): boolean => goneFiles(data, join(data, 'tokens.json')).history;

it('history is gone when it was there once, not when it is new', () => {
  expect([isHistoryGone(), hasHistory(data)]).toEqual([false, false]);
  put('RECORDED');
  expect([isHistoryGone(), hasHistory(data)]).toEqual([true, false]);
  put('history.duckdb');
  expect([isHistoryGone(), hasHistory(data)]).toEqual([false, true]);
});

it('history is not gone while its salvaged copy waits for its name', () => {
  put('RECORDED');
  put('history.duckdb.mark');
  put('history.duckdb.salvaged');
  expect([isHistoryGone(), hasHistory(data)]).toEqual([false, true]);
});

import { expect, it } from 'vitest';
import { isDamage } from './damage.ts';

it.each([
  'IO Error: Corrupt database file: computed checksum 1 does not match stored checksum 2 in block at location 12288',
  'IO Error: The file "history.duckdb" exists, but it is not a valid DuckDB database file!',
  'IO Error: Could not read from file "history.duckdb": Input/output error',
])('is damage: %s', (text) => {
  expect(isDamage(text)).toBe(true);
});

it.each([
  'TransactionContext Error: Failed to commit: Could not write file "history.duckdb.wal": Input/output error',
  'IO Error: Could not truncate file "history.duckdb.wal": Input/output error',
  'FATAL Error: fsync failed! Input/output error',
  'IO Error: Could not write file "history.duckdb": No space left on device',
])('is a disk that cannot be written, and the file may be sound: %s', (text) => {
  expect(isDamage(text)).toBe(false);
});

it('goes by no word of a path', () => {
  const damaged = 'IO Error: The file "/a/no space, lock/h.duckdb" exists, but it is not a valid DuckDB database file!';
  expect(isDamage(damaged)).toBe(true);
  expect(isDamage(damaged.replaceAll('"', "'"), '/a/no space, lock/h.duckdb')).toBe(true);
  const quote = 'IO Error: Could not read enough bytes from file "/a "lock"/h.duckdb.wal": attempted to read 8 bytes';
  expect(isDamage(quote, '/a "lock"/h.duckdb')).toBe(true);
  expect(isDamage('IO Error: Cannot open file "/corrupt checksum/h.duckdb": Too many open files')).toBe(false);
  expect(isDamage('IO Error: Cannot open file "C:\\corrupt\\h.duckdb": Too many open files')).toBe(false);
});

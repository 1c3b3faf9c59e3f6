import { expect, it } from 'vitest';
import { createMemoryWatermark, defaultWatermark, nothingReached, silentLogger } from './index.ts';

const MIB = 1024 * 1024;

it('levels begin at 85, 92 and 100 percent, and are left five percent below', () => {
  let rss = 0;
  const reached = nothingReached();
  const lines: string[] = [];
  const logger = {
    ...silentLogger,
    warn: (_: object, text: string) => void lines.push(text),
    info: (_: object, text: string) => void lines.push(text),
  };
  const watermark = createMemoryWatermark({ bytes: 100 * MIB, logger, reached, read: () => rss });
  const seen = [84, 85, 91, 92, 99, 100, 96, 95, 94, 88, 86, 81, 79].map((percent) => {
    rss = percent * MIB;
    return [percent, watermark.look()];
  });
  expect(seen).toEqual([
    [84, 0],
    [85, 1],
    [91, 1],
    [92, 2],
    [99, 2],
    [100, 3],
    [96, 3],
    [95, 3],
    [94, 2],
    [88, 2],
    [86, 1],
    [81, 1],
    [79, 0],
  ]);
  expect(reached.memoryWatermarkBytes).toBe(3);
  expect(lines).toHaveLength(6);
  expect(lines[2]).toBe('memory is at its watermark: publishers are read more slowly');
});

it('the watermark is six tenths of the machine, or of a control group that has less', () => {
  expect(defaultWatermark(1000, 0)).toBe(600);
  expect(defaultWatermark(1000, 500)).toBe(300);
  expect(defaultWatermark(1000, 2 ** 60)).toBe(600);
});

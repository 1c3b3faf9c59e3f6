import { describe, expect, it } from 'vitest';
import { createMemoryWatermark, defaultWatermark, leastMemory, nothingReached, silentLogger } from './index.ts';

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
  const watermark = createMemoryWatermark({
    bytes: 100 * MIB,
    logger,
    reached,
    read: () => ({ residentBytes: rss, usedBytes: rss, heapShare: 0 }),
    collect: () => {},
  });
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
  expect(defaultWatermark(leastMemory(1000, 0))).toBe(600);
  expect(defaultWatermark(leastMemory(1000, 500))).toBe(300);
  expect(defaultWatermark(leastMemory(1000, 2 ** 60))).toBe(600);
});

describe('memory that was freed and that the system did not get back', () => {
  function rig() {
    let reading = { residentBytes: 50, usedBytes: 20, heapShare: 0 };
    let collections = 0;
    const collect = (): void => {
      collections += 1;
    };
    const options = {
      bytes: 100,
      machineBytes: 200,
      logger: silentLogger,
      reached: nothingReached(),
      read: () => reading,
      collect,
    };
    const watermark = createMemoryWatermark(options);
    const look = (residentBytes: number, usedBytes: number, heapShare = 0) => {
      reading = { residentBytes, usedBytes, heapShare };
      return watermark.look();
    };
    return { look, collections: () => collections };
  }

  it('does not count, beside what the process has without it', () => {
    const { look } = rig();
    expect(look(50, 20)).toBe(0); // 30 beside what is used
    expect(look(105, 72)).toBe(3);
    expect(look(140, 20)).toBe(0);
    expect(look(140, 64)).toBe(2);
  });

  it('counts where the process has nearly all that the machine has', () => {
    const { look } = rig();
    look(50, 20);
    expect([look(150, 20), look(153, 20), look(180, 20), look(166, 20), look(140, 20)]).toEqual([0, 1, 3, 2, 0]);
  });

  it('is another matter than the heap, whose limit ends the process: four fifths of it are the watermark too', () => {
    const { look } = rig();
    expect([look(50, 20, 0.67), look(50, 20, 0.69), look(50, 20, 0.8), look(50, 20, 0.5)]).toEqual([0, 1, 3, 0]);
  });

  it('is looked for as soon as anything is shed, and now and then while it is', () => {
    const { look, collections } = rig();
    const after = (looks: number, percent: number): number => {
      for (let n = 0; n < looks; n++) look(percent, percent);
      return collections();
    };
    expect([after(30, 84), after(1, 85), after(3, 100), after(1, 100), after(30, 50), after(1, 90)]).toEqual([
      0, 1, 1, 2, 2, 3,
    ]);
  });
});

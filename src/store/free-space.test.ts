import { describe, expect, it } from 'vitest';
import { type LogFields, type Logger, silentLogger } from '../base/index.ts';
import { type DiskSpace, reserveOf, watchFreeSpace } from './free-space.ts';

const GIB = 1024 ** 3;
const MIB = 1024 ** 2;
const DEFAULT = { percent: 5, bytes: GIB };

describe('the reserve of a disk', () => {
  it.each([
    ['1 TB', 1000 * GIB, 50 * GIB],
    ['an SD card of 8 GB', 8 * GIB, GIB],
    ['a disk of 2 GB', 2 * GIB, GIB / 2],
    ['a tmpfs of 200 MB', 200 * MIB, 50 * MIB],
  ])('of %s', (_, size, expected) => {
    expect(reserveOf(size, DEFAULT)).toBe(expected);
  });

  it('holds against what was taken and is still to be written', async () => {
    let owed = 0;
    const told: boolean[] = [];
    const watch = await watchFreeSpace({
      folder: '/data',
      reserve: DEFAULT,
      logger: silentLogger,
      changed: (isLow) => void told.push(isLow),
      owed: () => owed,
      spaceOf: async () => ({ size: 100 * GIB, free: 6 * GIB }),
    });
    owed = 2 * GIB; // 5 GiB are the reserve
    await watch.look();
    owed = 0;
    await watch.look();
    expect(told).toEqual([true, false]);
    watch.stop();
  });

  it('that is switched off holds nobody, whatever is still to be written', async () => {
    const told: boolean[] = [];
    const watch = await watchFreeSpace({
      folder: '/data',
      reserve: { percent: 0, bytes: 0 },
      logger: silentLogger,
      changed: (isLow) => void told.push(isLow),
      owed: () => GIB,
      spaceOf: async () => ({ size: GIB, free: 0 }),
    });
    expect(told).toEqual([]);
    watch.stop();
  });

  it('is none where both settings are 0, and what is asked for where the percentage is', () => {
    expect(reserveOf(GIB, { percent: 0, bytes: 0 })).toBe(0);
    expect(reserveOf(GIB, { percent: 50, bytes: 0 })).toBe(GIB / 2);
  });
});

async function watched(first: number) {
  let space: DiskSpace | Error = { size: 100 * GIB, free: first };
  const told: boolean[] = [];
  const lines: string[] = [];
  const line = (_: LogFields, text: string) => void lines.push(text);
  const logger: Logger = { ...silentLogger, info: line, warn: line, error: line };
  const watch = await watchFreeSpace({
    folder: '/data',
    reserve: DEFAULT,
    logger,
    changed: (isLow) => void told.push(isLow),
    spaceOf: async () => {
      if (space instanceof Error) throw space;
      return space;
    },
  });
  const free = async (bytes: number): Promise<void> => {
    space = { size: 100 * GIB, free: bytes };
    await watch.look();
  };
  const fail = async (): Promise<void> => {
    space = new Error('EIO');
    await watch.look();
  };
  return { watch, told, lines, free, fail };
}

describe('the free space', () => {
  it('is told when it falls below the reserve, and when there is a tenth more than it again', async () => {
    const { watch, told, free, lines } = await watched(6 * GIB);
    expect([told, watch.low()]).toEqual([[], null]);
    await free(5 * GIB - 1);
    expect(watch.low()).toMatch('5120 MiB free, less than the reserve of 5120 MiB');
    await free(5.4 * GIB);
    expect(told).toEqual([true]);
    await free(5.6 * GIB);
    expect([told, watch.low()]).toEqual([[true, false], null]);
    expect(lines).toHaveLength(2);
    expect([watch.free(), watch.reserve()]).toEqual([5.6 * GIB, 5 * GIB]);
    watch.stop();
  });

  it('is told at the start already', async () => {
    const { watch, told } = await watched(GIB);
    expect(told).toEqual([true]);
    watch.stop();
  });

  it('that cannot be found out changes nothing, and is said once', async () => {
    const { watch, told, fail, free, lines } = await watched(GIB);
    await fail();
    await fail();
    expect(told).toEqual([true]);
    expect(lines.filter((line) => line.includes('cannot be found out'))).toHaveLength(1);
    await free(50 * GIB);
    expect(told).toEqual([true, false]);
    watch.stop();
  });
});

import { statfs } from 'node:fs/promises';
import { type Logger, messageOf } from '../base/index.ts';

/** The disk that a folder is on: what it holds at all, and what is free for this process. */
export type DiskSpace = { readonly size: number; readonly free: number };

export type FreeSpaceOptions = {
  readonly folder: string;
  readonly reserve: Reserve;
  readonly logger: Logger;
  /** Called when the free space has fallen below the reserve, and when it is above it again. */
  readonly changed: (isLow: boolean) => void;
  /** Bytes that were taken and are still to be written: what waits for history is written a second time. */
  readonly owed?: () => number;
  /** Tests give their own. */
  readonly spaceOf?: (folder: string) => Promise<DiskSpace>;
};

/** What is to stay free: so much of the disk, and so many bytes at least. */
export type Reserve = { readonly percent: number; readonly bytes: number };

/** Looks at the free space of the disk. */
export type FreeSpace = {
  /** Looks now. The timer does so too. */
  readonly look: () => Promise<void>;
  /** Below the reserve: a sentence for people; else null. */
  readonly low: () => string | null;
  /** As of the last look; null: it could not be found out. */
  readonly free: () => number | null;
  readonly reserve: () => number | null;
  readonly stop: () => void;
};

const LOOK_MS = 2000;
/** Where less than so many times the reserve is free, it looks more often: a disk takes a hundred megabytes in a second. */
const NEAR = 4;
const LOOK_NEAR_MS = 200;
/** It swings: there is room again with so much more than the reserve. */
const ROOM_AGAIN = 1.1;
/** A small disk (an SD card, a tmpfs) could not be used at all if the least reserve were most of it. */
const MOST_OF_DISK = 0.25;

/** The bytes that are to stay free on a disk of this size: the percentage, or the least bytes but never more than a quarter of it for these. */
export function reserveOf(size: number, { percent, bytes }: Reserve): number {
  return Math.max((size * percent) / 100, Math.min(bytes, size * MOST_OF_DISK));
}

/** Watches the free space of the disk that a folder is on. It has looked once when this resolves. */
export async function watchFreeSpace(options: FreeSpaceOptions): Promise<FreeSpace> {
  const { folder, logger, changed, owed = () => 0, spaceOf = spaceOnDisk } = options;
  let space: DiskSpace | null = null;
  let isLow = false;
  let isUnknown = false;
  let isNear = false;
  let lookedMs = Number.NEGATIVE_INFINITY;
  const reserve = (): number | null => (space === null ? null : reserveOf(space.size, options.reserve));

  const look = async (): Promise<void> => {
    try {
      space = await spaceOf(folder);
      isUnknown = false;
    } catch (error) {
      // What was known last is kept.
      if (!isUnknown)
        logger.warn({ folder, error: messageOf(error) }, 'the free space of the disk cannot be found out');
      isUnknown = true;
      return;
    }
    const wanted = reserveOf(space.size, options.reserve);
    const is = wanted > 0 && space.free - owed() < (isLow ? wanted * ROOM_AGAIN : wanted);
    isNear = space.free < wanted * NEAR;
    if (is === isLow) return;
    isLow = is;
    const fields = { folder, freeBytes: space.free, reserveBytes: Math.round(wanted) };
    if (is) logger.error(fields, 'the disk is nearly full: what has to be kept is not taken until there is room');
    else logger.info(fields, 'the disk has room again');
    changed(is);
  };
  await look();
  const timer = setInterval(() => {
    const nowMs = performance.now();
    if (!isNear && nowMs - lookedMs < LOOK_MS) return;
    lookedMs = nowMs;
    void look();
  }, LOOK_NEAR_MS);
  timer.unref();

  return {
    look,
    low: () => (isLow && space !== null ? lowText(space, reserveOf(space.size, options.reserve)) : null),
    free: () => space?.free ?? null,
    reserve,
    stop: () => clearInterval(timer),
  };
}

async function spaceOnDisk(folder: string): Promise<DiskSpace> {
  const { blocks, bavail, bsize } = await statfs(folder);
  return { size: blocks * bsize, free: bavail * bsize };
}

function lowText({ free }: DiskSpace, reserve: number): string {
  return (
    `the disk has ${mib(free)} MiB free, less than the reserve of ${mib(reserve)} MiB: ` +
    'publishers of what is recorded or kept wait until there is room'
  );
}

const mib = (bytes: number): string => (bytes / 1024 ** 2).toFixed(0);

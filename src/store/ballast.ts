import { randomFillSync } from 'node:crypto';
import { rmSync, statfsSync, statSync } from 'node:fs';
import { open, rename, rm, stat, statfs } from 'node:fs/promises';
import { type Logger, messageOf, OperatorError, syncFolder } from '../base/index.ts';

/*
 * A start writes before it reads: its lock, the lock file of LMDB (which kills the process where that fails), the changes
 * that the table lacks, a segment of the log. On a full disk none of it works, and nobody could delete anything. So there is
 * a file in the data folder that is only there to be given up.
 */

/** Room for a segment of the log, and for what else a start writes. */
const BALLAST_BYTES = 24 * 1024 * 1024;
/** A small disk is not to be filled with it. */
const SHARE_OF_DISK = 0.01;
/** With less a start is not tried. */
const LEAST_BYTES = 256 * 1024;
/** It is made where so many times of it stay free. */
const ROOM_FOR_IT = 4;
/** The first time is so long after the start, which has other things to write. */
const LOOK_MS = 3000;
const PIECE_BYTES = 1024 * 1024;

export type Ballast = { readonly stop: () => Promise<void> };

/**
 * Before a start: deletes the ballast when less is free than it holds. Throws an OperatorError that says how many bytes
 * are missing when that does not help.
 */
export function giveUpBallast(folder: string, file: string, logger: Logger): void {
  const draft = draftOf(file);
  if (bytesOf(draft) > 0) rmSync(draft, { force: true }); // of one that was killed while it wrote
  const held = bytesOf(file);
  if (held > 0 && freeIn(folder) < held) {
    rmSync(file, { force: true });
    logger.warn({ file, bytes: held }, 'the disk is full: Sonde starts with the room that it had set aside');
  }
  const missing = LEAST_BYTES - freeIn(folder);
  if (missing <= 0) return;
  throw new OperatorError(
    `the disk of the data folder ${folder} is full: ${missing} bytes more must be free for a start`,
    'Free them, better more: nothing is acknowledged below the reserve.',
  );
}

/** 0: it is not there, or cannot be. */
function bytesOf(file: string): number {
  try {
    return statSync(file).size;
  } catch {
    return 0;
  }
}

/** Makes the ballast when there is plenty of room, now or later. `reserve`: the bytes that are to stay free beside it; null: nobody knows. */
export function keepBallast(file: string, folder: string, reserve: () => number | null, logger: Logger): Ballast {
  let making: Promise<void> | null = null;
  let stopped = false;
  let told = false;

  async function make(): Promise<void> {
    if (await isThere(file)) return;
    const { blocks, bavail, bsize } = await statfs(folder);
    const bytes = Math.min(BALLAST_BYTES, Math.floor(blocks * bsize * SHARE_OF_DISK));
    if (bytes < LEAST_BYTES || bavail * bsize < (reserve() ?? 0) + ROOM_FOR_IT * bytes) return;
    await writeBallast(folder, file, bytes, () => stopped);
  }

  const look = (): void => {
    if (making !== null) return;
    making = make()
      .catch((error: unknown) => {
        if (!told)
          logger.warn({ file, error: messageOf(error) }, 'room for a start on a full disk cannot be set aside');
        told = true;
      })
      .finally(() => {
        making = null;
      });
  };
  const timer = setInterval(look, LOOK_MS);
  timer.unref();
  return {
    stop: async () => {
      stopped = true;
      clearInterval(timer);
      await making;
    },
  };
}

const draftOf = (file: string): string => `${file}.new`;

function isThere(file: string): Promise<boolean> {
  return stat(file).then(
    () => true,
    () => false,
  );
}

/** Of random bytes: zeroes take no room where the file system compresses. It has its name when it is whole. */
async function writeBallast(folder: string, file: string, bytes: number, isStopped: () => boolean): Promise<void> {
  const draft = draftOf(file);
  const piece = Buffer.allocUnsafe(Math.min(PIECE_BYTES, bytes));
  try {
    const handle = await open(draft, 'w', 0o600);
    try {
      for (let at = 0; at < bytes && !isStopped(); at += piece.length) {
        randomFillSync(piece);
        await handle.write(piece, 0, Math.min(piece.length, bytes - at), at);
      }
      await handle.sync();
    } finally {
      await handle.close();
    }
    if (isStopped()) await rm(draft, { force: true });
    else await rename(draft, file);
    await syncFolder(folder);
  } catch (error) {
    await rm(draft, { force: true });
    throw error;
  }
}

/** For this process; of a folder that is not there yet: no bound. */
function freeIn(folder: string): number {
  try {
    const { bavail, bsize } = statfsSync(folder);
    return bavail * bsize;
  } catch {
    return Number.POSITIVE_INFINITY;
  }
}

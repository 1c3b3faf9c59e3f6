import { join } from 'node:path';
import { messageOf, OperatorError } from '../../base/index.ts';
import { noteDamage } from './check/clean-mark.ts';
import { damageWords, isOfLmdb, systemNameOf, unreadableTable } from './check/lmdb-error.ts';
import { type DiskStore, type DiskStoreOptions, openDiskStore as open } from './disk-store.ts';

const TELL_MS = 5_000;
const TELL_AGAIN_MS = 10_000;

/** Codes that only a fault of ours brings. */
const OURS: ReadonlySet<string> = new Set(['EBADF', 'EFAULT', 'ERR_INVALID_ARG_TYPE']);

/**
 * Opens the store in a folder, or makes a new one there. What the system or LMDB refuses meanwhile becomes an OperatorError that
 * names the folder or the file. A table that LMDB calls damaged is set aside and begun anew.
 */
export async function openDiskStore(options: DiskStoreOptions): Promise<DiskStore> {
  const { folder } = options;
  const end = tellOfSlowness(options);
  try {
    return await open(options).catch(async (error: unknown) => {
      const words = damageWords(error);
      if (words === null) throw error;
      // The look before has not seen it: what comes now, in this start or the next, goes by LMDB's word.
      await noteDamage(folder, words);
      return open(options);
    });
  } catch (error) {
    if (options.stop?.aborted && error === options.stop.reason) throw error;
    const words = damageWords(error);
    if (words !== null) throw unreadableTable(folder, words, error);
    if (isOfLmdb(error)) throw cannotOpen(join(folder, 'table', 'data.mdb'), systemNameOf(error) ?? '', error as Error);
    throw isOfSystem(error) ? cannotOpen(`the store ${folder}`, error.code, error) : error;
  } finally {
    end();
  }
}

/** After 5 s, then every 10 s: a start that says nothing looks like one that hangs. Ends when it is called back. */
function tellOfSlowness({ folder, logger }: DiskStoreOptions): () => void {
  const tell = (): void => {
    timer = setTimeout(tell, TELL_AGAIN_MS);
    logger.info({ folder }, 'the store is still being opened: its disk is slow, or there is much to read');
  };
  let timer = setTimeout(tell, TELL_MS);
  return () => clearTimeout(timer);
}

function isOfSystem(error: unknown): error is NodeJS.ErrnoException & { readonly code: string } {
  if (!(error instanceof Error)) return false;
  const { code, syscall } = error as NodeJS.ErrnoException;
  return typeof code === 'string' && syscall !== undefined && !OURS.has(code);
}

function cannotOpen(what: string, code: string, error: Error): OperatorError {
  return new OperatorError(`${what} cannot be opened: ${messageOf(error)}`, adviceOf(code), { cause: error });
}

function adviceOf(code: string): string {
  if (code === 'ENOSPC' || code === 'EDQUOT') return 'Free space on its disk.';
  if (code === 'EROFS') return 'Mount its disk so that it can be written.';
  if (code === 'EACCES' || code === 'EPERM') return 'Give this user the right to read and write it.';
  if (code === 'EIO') {
    return 'Its disk takes or gives no data: look at the log of the system and at the disk, and start Sonde again when it is well.';
  }
  if (code === 'ENOMEM') return 'Give Sonde more memory or address space (`ulimit -v`).';
  if (code === 'EINVAL' || code === 'ENODEV') {
    return 'Where `sonde check` calls it sound, its file system cannot map files into memory: put the data folder on a local disk.';
  }
  return 'Look at that folder and its disk, and start Sonde again when they are well.';
}

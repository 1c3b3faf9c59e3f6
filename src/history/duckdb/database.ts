import { closeSync, mkdirSync, openSync, readdirSync, rmSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { DuckDBConnection, DuckDBInstance as Instance } from '@duckdb/node-api';
import { messageOf, OperatorError, syncFolder } from '../../base/index.ts';
import type { HistoryLimits } from '../options.ts';
import { DamagedDatabase, isDamage } from './damage.ts';
import { makeFirst } from './first-file.ts';
import { DuckDBInstance } from './library.ts';
import { whenFree } from './lock.ts';
import { plainMessage } from './rows.ts';
import { prepareSchema } from './schema.ts';

export type Database = {
  readonly file: string;
  readonly tempFolder: string;
  /**
   * The file, to be read. Open as long as DuckDB has it open: a process that closes a file gives up each lock (fcntl) that it has on it, also
   * DuckDB's.
   */
  readonly handle: number;
  readonly writer: DuckDBConnection;
  readonly connect: () => Promise<DuckDBConnection>;
  readonly close: () => void;
};

/**
 * Opens the history file, or makes it. Waits for the lock of a process that is just ending. Rejects with OperatorError
 * when the file is held, of another program or of a newer Sonde, with DamagedDatabase when it is damaged.
 */
export async function openDatabase(file: string, limits: HistoryLimits): Promise<Database> {
  const tempFolder = `${file}.tmp`;
  try {
    mkdirSync(dirname(file), { recursive: true });
    mkdirSync(tempFolder, { recursive: true });
    clearFolder(tempFolder);
  } catch (error) {
    throw new OperatorError(
      `cannot write to the folder of ${file}: ${messageOf(error)}`,
      'Give Sonde the right to write there, or choose another data folder.',
      { cause: error },
    );
  }
  const instance = await openInstance(file, tempFolder, limits);
  let handle: number | null = null;
  try {
    handle = openSync(file, 'r');
    const opened = handle;
    // DuckDB syncs its files, and leaves their names to us: the database's before there can be a log or a mark without it.
    await syncFolder(dirname(file));
    const writer = await instance.connect();
    // Nor at a close: each checkpoint is one that a power cut may tear (checkpoint.ts).
    await writer.run('PRAGMA disable_checkpoint_on_shutdown');
    await prepareSchema(writer, file);
    return {
      file,
      tempFolder,
      handle: opened,
      writer,
      connect: () => instance.connect(),
      close: () => {
        writer.closeSync();
        instance.closeSync();
        closeSync(opened);
      },
    };
  } catch (error) {
    instance.closeSync();
    if (handle !== null) closeSync(handle);
    throw error;
  }
}

async function openInstance(file: string, tempFolder: string, limits: HistoryLimits): Promise<Instance> {
  const config = {
    memory_limit: `${limits.memoryLimitMb}MiB`,
    threads: String(limits.threads),
    temp_directory: tempFolder,
    max_temp_directory_size: `${limits.tempLimitMb}MiB`,
    // Checkpoints are made by hand, when it suits, and a full disk then fails a commit plainly.
    checkpoint_threshold: '1TB',
    autoinstall_known_extensions: 'false',
    autoload_known_extensions: 'false',
    preserve_insertion_order: 'true',
  };
  try {
    await makeFirst(file, limits);
    return await whenFree(file, limits, () => DuckDBInstance.create(file, config));
  } catch (error) {
    if (error instanceof OperatorError) throw error;
    if (isDamage(messageOf(error), file)) throw new DamagedDatabase(plainMessage(error), { cause: error });
    throw new OperatorError(
      `the history database ${file} cannot be opened: ${plainMessage(error)}`,
      'Move the file and its .wal away (keep them), or restore a backup.',
      { cause: error },
    );
  }
}

function clearFolder(folder: string): void {
  for (const name of readdirSync(folder)) rmSync(join(folder, name), { recursive: true, force: true });
}

import { existsSync, renameSync, rmSync } from 'node:fs';
import type { HistoryLimits } from '../options.ts';
import { DuckDBInstance } from './library.ts';
import { untilFree } from './lock.ts';

/**
 * Makes the database where there is none: as `<file>.new`, which gets its name when its headers are durable. So one that a kill or a
 * power cut met while it was made never has that name, and a `file` that is too short for a database is damaged.
 */
export async function makeFirst(file: string, limits: HistoryLimits): Promise<void> {
  const made = `${file}.new`;
  if (existsSync(made)) {
    // A process that is just ending may be making it.
    await untilFree(made, limits);
    rmSync(made, { force: true });
  }
  if (existsSync(file)) return;
  // It writes the three headers, and syncs them.
  const instance = await DuckDBInstance.create(made, { threads: '1', memory_limit: `${limits.memoryLimitMb}MiB` });
  instance.closeSync();
  try {
    renameSync(made, file);
  } catch (error) {
    // That process has given it its name.
    if (!existsSync(file)) throw error;
  }
}

import type { CopyTable } from '../copy/copy-child.ts';

/** Copies a table in this process: for tests that make many backups. */
export const copyHere: CopyTable = (table, to) => table.backup(to);

import { rmSync } from 'node:fs';
import type { DuckDBConnection } from '@duckdb/node-api';
import { messageOf } from '../../base/index.ts';
import type { HistoryLimits } from '../options.ts';
import type { HistoryDamage } from '../port.ts';
import { isDamage, syncFile } from './damage.ts';
import { openDatabase } from './database.ts';
import { finishSalvage, takeCopy, underWayOf, writeFound } from './exchange.ts';
import { describeLost } from './lost-rows.ts';
import { literal, rowsOf } from './rows.ts';

/*
 * A database with a damaged block, copied as far as it can be read. DuckDB has a checksum for each block, which it looks at with each
 * reading: what is damaged is never answered, and rows beside it can be read by their place.
 * `exchange.ts` puts the copy in its place.
 */

/** Rows that are copied at once: one row group of DuckDB. */
export const GROUP = 122_880;
/** A part that cannot be read is halved down to this. */
const LEAST = 2048;
/** Row groups between two checkpoints of the copy. */
const CHECKPOINT_EVERY = 64;

/** The rows from `from` up to `to` of a table, by their place. */
export type RowRange = { readonly from: number; to: number };

/**
 * Copies what can be read into a new database, which takes the place of the damaged one; that is kept. Answers what is to be
 * told. Rejects when it cannot, with nothing changed: nobody has the database open.
 */
export async function salvage(file: string, limits: HistoryLimits): Promise<readonly HistoryDamage[]> {
  const underWay = underWayOf(file);
  const found: string[] = [];
  const copy = await openDatabase(underWay, limits);
  try {
    const { writer } = copy;
    await writer.run(`ATTACH ${literal(file)} AS damaged (READ_ONLY)`);
    // Without the names of the series no point is anybody's: then the whole is begun anew, as when it cannot be opened.
    await writer.run('INSERT INTO series SELECT * FROM damaged.series');
    await writer.run('INSERT INTO position SELECT * FROM damaged.position').catch((error: unknown) => {
      if (!isDamage(messageOf(error))) throw error;
      found.push('table position cannot be read: messages that still wait in the queue may be recorded twice');
    });
    // The figures of the series are counted anew when it is opened.
    for (const table of ['point', 'text'] as const) {
      const lost = await copyRows(writer, table);
      if (lost.length > 0) found.push(await describeLost(writer, table, lost));
    }
    await writer.run('DETACH damaged');
    await writer.run('CHECKPOINT');
    writeFound(file, found.length > 0 ? found : ['all of its rows could be read']);
  } catch (error) {
    copy.close();
    finishSalvage(file);
    throw error;
  }
  copy.close();
  rmSync(copy.tempFolder, { recursive: true, force: true });
  syncFile(underWay);
  return takeCopy(file);
}

/** Copies the rows of a table, group by group; answers which could not be read. */
async function copyRows(writer: DuckDBConnection, table: string): Promise<readonly RowRange[]> {
  const [[total] = []] = await rowsOf(writer, `SELECT count(*)::DOUBLE FROM damaged.${table}`);
  const lost: RowRange[] = [];
  const copy = async (from: number, to: number): Promise<void> => {
    try {
      await writer.run(`INSERT INTO ${table} SELECT * FROM damaged.${table} WHERE rowid >= ${from} AND rowid < ${to}`);
    } catch (error) {
      if (!isDamage(messageOf(error))) throw error;
      if (to - from > LEAST) {
        const middle = from + Math.ceil((to - from) / 2 / LEAST) * LEAST;
        await copy(from, middle);
        await copy(middle, to);
        return;
      }
      const last = lost.at(-1);
      if (last?.to === from) last.to = to;
      else lost.push({ from, to });
    }
  };
  for (let from = 0, groups = 1; from < Number(total); from += GROUP, groups++) {
    await copy(from, Math.min(from + GROUP, Number(total)));
    if (groups % CHECKPOINT_EVERY === 0) await writer.run('CHECKPOINT');
  }
  return lost;
}

import type { DuckDBConnection } from '@duckdb/node-api';
import { covers, join, type Stretch } from '../stretches.ts';
import { literal, rowsOf } from './rows.ts';

/** How far each source is in the database, as of the last commit. Moves are made in the transaction of their rows. */
export type Positions = {
  readonly all: () => readonly Stretch[];
  readonly has: (source: string, number: number) => boolean;
  /** The greatest number of a source; 0: nothing of it. */
  readonly last: (source: string) => number;
  /** Statements that note one more stretch. */
  readonly moveSql: (move: Stretch) => string;
  /** That they are committed. */
  readonly moved: (moves: readonly Stretch[]) => void;
};

export async function readPositions(connection: DuckDBConnection): Promise<Stretch[]> {
  const rows = await rowsOf(
    connection,
    'SELECT source, first::DOUBLE, number::DOUBLE FROM position ORDER BY source, first',
  );
  return rows.map(([source, first, last]) => ({ source: String(source), first: Number(first), last: Number(last) }));
}

export function createPositions(found: readonly Stretch[]): Positions {
  const bySource = new Map<string, readonly Stretch[]>();
  for (const stretch of found) bySource.set(stretch.source, join(bySource.get(stretch.source) ?? [], stretch));
  const of = (source: string): readonly Stretch[] => bySource.get(source) ?? [];

  return {
    all: () => [...bySource.values()].flat(),
    has: (source, number) => covers(of(source), source, number, number),
    last: (source) => of(source).at(-1)?.last ?? 0,
    moveSql: (move) => {
      const source = literal(move.source);
      const before = of(move.source);
      const after = join(before, move);
      const grown = after.at(-1) as Stretch;
      // As nearly always: the last one has grown at its end.
      if (after.length === before.length && grown.first === before.at(-1)?.first) {
        return `UPDATE position SET number = ${grown.last} WHERE source = ${source} AND first = ${grown.first};`;
      }
      const rows = after.map(({ first, last }) => `(${source}, ${last}, ${first})`);
      return `DELETE FROM position WHERE source = ${source}; INSERT INTO position VALUES ${rows.join(',')};`;
    },
    moved: (moves) => {
      for (const move of moves) bySource.set(move.source, join(of(move.source), move));
    },
  };
}

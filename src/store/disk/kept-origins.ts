import { type Logger, messageOf } from '../../base/index.ts';
import type { Origin, QueueId } from '../port.ts';
import { isOrigin, type OpenedFormat, type StoreFormat } from './format.ts';
import type { QueueIndex } from './log/queue-index.ts';
import type { Table } from './table/table.ts';

/*
 * Whose copy a store is stands in FORMAT and, once more, in the table: without it messages that are in history already would
 * be recorded again.
 */

/** A FORMAT that had to be made anew, with the origins that the table knows. */
export function withKeptOrigins(format: OpenedFormat, table: Table): OpenedFormat {
  if (format.is !== 'remade') return format;
  const kept = keptOrigins(table);
  return kept?.incarnation === format.incarnation ? { ...format, origins: kept.origins } : format;
}

/** Writes them into the table, where they are not there yet. */
export async function keepOrigins(table: Table, { incarnation, origins }: StoreFormat, logger: Logger): Promise<void> {
  const text = JSON.stringify({ incarnation, origins });
  if (table.origins() === text) return;
  await table.noteOrigins(text).catch((error: unknown) => {
    logger.warn({ error: messageOf(error) }, 'the table of the store cannot note whose copy the store is');
  });
}

/** Those that a message is of that the store still has. New ones are of none of them. */
export function wantedOrigins(
  origins: readonly Origin[],
  queues: ReadonlyMap<QueueId, Pick<QueueIndex, 'first'>>,
): readonly Origin[] {
  return origins.filter(({ upTo }, n) => {
    const after = origins[n - 1]?.upTo ?? 0;
    return [...queues.values()].some((queue) => (queue.first(after)?.number ?? Number.POSITIVE_INFINITY) <= upTo);
  });
}

function keptOrigins(table: Table): { readonly incarnation: string; readonly origins: readonly Origin[] } | null {
  try {
    const said = JSON.parse(table.origins() ?? 'null') as { incarnation?: unknown; origins?: unknown } | null;
    if (typeof said?.incarnation !== 'string' || !Array.isArray(said.origins) || !said.origins.every(isOrigin))
      return null;
    return { incarnation: said.incarnation, origins: said.origins };
  } catch {
    return null;
  }
}

import { basename } from 'node:path';
import type { HistoryDamage } from './port.ts';

/** One sentence for people on all that is damaged; empty when nothing is. */
export function historyDamageText(damage: readonly HistoryDamage[]): string {
  const [first] = damage;
  if (first === undefined) return '';
  const kept = first.kept === null ? '' : `, kept as ${basename(first.kept)}`;
  const more = damage.length > 1 ? ` And ${damage.length - 1} more: see the log.` : '';
  return `History is damaged: ${basename(first.file)}${kept}: ${first.what}.${more}`;
}

import type { History } from '../history/port.ts';
import type { ApiContext } from './context.ts';
import { Problem } from './problems.ts';

/** History, or the problem that says that there is none. */
export function requireHistory({ history }: ApiContext): History {
  if (history === null) throw new Problem('history-off', 'This Sonde was started with --history off.');
  return history;
}

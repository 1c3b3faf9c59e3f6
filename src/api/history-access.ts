import type { FastifyReply } from 'fastify';
import type { History } from '../history/index.ts';
import type { ApiContext } from './context.ts';
import { Problem } from './problems.ts';

/** History, or the problem that says that there is none. */
export function requireHistory({ history }: ApiContext): History {
  if (history === null) throw new Problem('history-off', 'This Sonde was started with --history off.');
  return history;
}

/** Begins a question to history: bounded at once, and ended when its reader takes nothing for too long. */
export function beginQuestion({ queries, limits }: ApiContext, reply: FastifyReply): void {
  queries.hold(reply.raw);
  reply.raw.setTimeout(limits.stallMs, () => reply.raw.destroy());
}

import type { FastifyReply } from 'fastify';
import type { History } from '../history/index.ts';
import type { ApiContext } from './context.ts';
import { Problem } from './problems.ts';

/** History, or the problem that says that there is none. */
export function requireHistory({ history }: ApiContext): History {
  if (history === null) throw new Problem('history-off', 'This Sonde was started with --history off.');
  return history;
}

/** Puts a question to history: bounded at once until its answer is read, and cut when its reader takes nothing for too long. */
export async function ask<T>(
  { queries, limits }: ApiContext,
  reply: FastifyReply,
  question: () => Promise<T>,
): Promise<T> {
  queries.hold(reply.raw);
  const answer = await question();
  reply.raw.setTimeout(limits.stallMs, () => reply.raw.destroy());
  return answer;
}

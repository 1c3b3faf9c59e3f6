import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { FastifyBaseLogger, FastifyInstance, FastifyRequest } from 'fastify';
import type { Access, Principal } from '../access/index.ts';
import type { Clock, Logger, Reached, TurnMeter } from '../base/index.ts';
import type { History } from '../history/index.ts';
import type { Downloads } from './downloads.ts';
import type { ApiLimits } from './limits.ts';
import type { ApiBackup, ApiBroker, IsLocal } from './ports.ts';
import { Problem } from './problems.ts';
import type { Slots } from './slots.ts';
import type { ZodProvider } from './validation.ts';

/** What the routes work with. */
export type ApiContext = {
  readonly broker: ApiBroker;
  readonly history: History | null;
  readonly access: Access;
  readonly isLocal: IsLocal;
  readonly logger: Logger;
  /** For what any stranger may cause as often as he can ask. */
  readonly doorLog: Logger;
  readonly reached: Reached;
  readonly clock: Clock;
  readonly turns: TurnMeter;
  readonly limits: ApiLimits;
  readonly version: string;
  readonly mqttPort: () => number | null;
  readonly caPem: () => string | null;
  readonly backup: ApiBackup | null;
  readonly queries: Slots;
  readonly downloads: Downloads;
};

/** Fastify as the routes see it: their zod schemas give the types. */
export type App = FastifyInstance<Server, IncomingMessage, ServerResponse, FastifyBaseLogger, ZodProvider>;

/** Who asks, once the guard has let the request in. */
export type Caller = { readonly principal: Principal; readonly local: boolean };

declare module 'fastify' {
  interface FastifyRequest {
    caller: Caller | null;
  }
}

/** The caller of a guarded route. */
export function callerOf(request: Pick<FastifyRequest, 'caller'>): Caller {
  if (request.caller === null) throw new Error('a route reads its caller but has no guard');
  return request.caller;
}

/** The number of the caller's world. */
export function worldOf(context: ApiContext, principal: Principal): number {
  const world = context.broker.worldNumber(principal.world);
  if (world === null)
    throw new Problem('unknown-namespace', `There is no namespace ${JSON.stringify(principal.world)}.`);
  return world;
}

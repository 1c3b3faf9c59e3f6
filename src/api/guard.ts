import type { FastifyReply, FastifyRequest } from 'fastify';
import { type Decision, isOwner, type Remote } from '../access/index.ts';
import { messageOf } from '../base/index.ts';
import { remoteOf as ofSocket } from '../transport/index.ts';
import { parseBasic } from './basic-auth.ts';
import { type ApiContext, type Caller, callerOf } from './context.ts';
import { checkFetchSite } from './own-site.ts';
import { Problem } from './problems.ts';

/** The `onRequest` hook of everything that tells or does something: other sites' pages out, then who is it? */
export function guard(context: ApiContext) {
  return async (request: FastifyRequest): Promise<void> => {
    checkFetchSite(request.raw);
    request.caller = await identify(context, request);
  };
}

/** The `preHandler` hook of the API: a namespace may be named, but only the caller's own. */
export async function checkNamespace(request: FastifyRequest): Promise<void> {
  const asked = (request.query as { namespace?: string }).namespace;
  const { principal } = callerOf(request);
  if (asked === undefined || asked === principal.world) return;
  throw new Problem(
    'foreign-namespace',
    `These credentials belong to the namespace ${JSON.stringify(principal.world)} only.`,
  );
}

/** The figures of the whole server are for those who own it, as the topics under `$SYS/` are (`access/owner.ts`). */
export async function checkOwner(request: FastifyRequest): Promise<void> {
  const { principal, local } = callerOf(request);
  if (isOwner(principal, local)) return;
  if (principal.kind === 'anonymous') {
    throw notAuthenticated(request, 'This needs the key and the secret of a token that may do everything.');
  }
  throw new Problem(
    'not-authorized',
    'Figures of the whole server are for tokens of its namespace default that neither topic rules nor read-only narrow.',
  );
}

async function identify(context: ApiContext, request: FastifyRequest): Promise<Caller> {
  const basic = parseBasic(request.headers.authorization);
  if (basic === 'malformed') {
    throw notAuthenticated(request, 'The Authorization header must be Basic with the base64 of key:secret.');
  }
  const remote = remoteOf(context, request);
  const credentials =
    basic === 'absent'
      ? { clientId: '', username: null, password: null, remote }
      : { clientId: '', username: basic.key, password: basic.secret, remote };
  let decision: Decision;
  try {
    decision = await context.access.authenticate(credentials);
  } catch (error) {
    decision = { ok: false, reason: 'unavailable', detail: messageOf(error) };
  }
  if (decision.ok) return { principal: decision.principal, local: remote.local };

  context.doorLog.info(
    { address: remote.address, key: credentials.username, reason: decision.reason, detail: decision.detail },
    'an HTTP request was refused',
  );
  if (decision.reason === 'unavailable') {
    throw new Problem('access-unavailable', 'The credentials cannot be checked now.', {
      headers: { 'retry-after': '2' },
    });
  }
  if (basic === 'absent') throw notAuthenticated(request, 'This needs the key and the secret of a token.');
  if (decision.reason === 'not-authorized')
    throw new Problem('not-authorized', 'These credentials may not be used here.');
  throw notAuthenticated(request, 'The key or the secret is wrong.');
}

function remoteOf(context: ApiContext, request: FastifyRequest): Remote {
  return ofSocket(request.raw.socket, 'http', request.headers, ({ peerAddress = '' }) =>
    context.isLocal({ peerAddress, headers: request.headers }),
  );
}

/**
 * A 401. Browsers answer `Basic` with a window of their own, which the web app's scripts must be spared; a 401 has to
 * name some scheme (RFC 9110, 15.5.2), so they get one that no browser knows.
 */
function notAuthenticated(request: FastifyRequest, detail: string): Problem {
  const { headers } = request;
  const fromScript = headers['x-requested-with'] === 'sonde' || headers['sec-fetch-mode'] === 'cors';
  const challenge = fromScript ? 'Sonde realm="Sonde"' : 'Basic realm="Sonde", charset="UTF-8"';
  return new Problem('not-authenticated', detail, { headers: { 'www-authenticate': challenge } });
}

export type Guard = (request: FastifyRequest, reply: FastifyReply) => Promise<void>;

import { type Logger, nothingReached, type Reached, silentLogger } from '../base/index.ts';
import { type AnonymousPolicy, anonymousAuthenticator } from './authenticators/anonymous.ts';
import { certificateAuthenticator } from './authenticators/certificate.ts';
import { scramAuthenticator } from './authenticators/scram.ts';
import { tokenAuthenticator } from './authenticators/token.ts';
import { DEFAULT_NAMESPACE, worldOf } from './namespaces.ts';
import type { Access, Authenticator, Decision, Principal } from './port.ts';
import { compileRules, dependsOnClientId, isNamed, type TopicRule } from './rules.ts';
import { isSamePrincipal } from './same-principal.ts';
import { createFailureBrake } from './scram/failure-brake.ts';
import { createCheckPool } from './tokens/check-pool.ts';
import type { Token } from './tokens/token.ts';
import { openTokenReader, type Repeat } from './tokens/token-reader.ts';
import { createVerifiedCache } from './tokens/verified-cache.ts';

export type AccessOptions = {
  /** See `tokenFileOf`. It need not exist; one that cannot be used is an OperatorError. */
  readonly tokenFile: string;
  readonly anonymous: AnonymousPolicy;
  readonly rules: readonly TopicRule[];
  /** Listeners for people, with who needs no name there; left out: all are as `anonymous` says. */
  readonly listeners?: readonly { readonly listener: string; readonly anonymous: AnonymousPolicy }[];
  readonly logger?: Logger;
  /** How the token file is looked at again and again; a test gives its own. */
  readonly repeat?: Repeat;
  /** Monotonic milliseconds; a test gives its own. */
  readonly nowMs?: () => number;
  readonly limits?: Partial<AccessLimits>;
  /** Where it counts what finds no room. */
  readonly reached?: Reached;
};

export type AccessLimits = {
  /** Secrets that wait to be checked, of all addresses; one more is told to come again. */
  readonly maxWaitingSignIns: number;
  /** Those of one address, so that one guesser cannot lock out everybody. */
  readonly maxWaitingSignInsPerAddress: number;
};

/** The door, and what its owner may ask of it. */
export type AccessControl = Access & {
  readonly tokenCount: () => number;
  /** Secrets that wait to be checked now. */
  readonly waitingSignIns: () => number;
  /** Stops looking at the token file. */
  readonly close: () => void;
};

/** Checks at once; about 50 ms and 16 MiB each. Two, so that the disk keeps threads of libuv's pool for itself. */
const PARALLEL_CHECKS = 2;
/** About 50 s of checks, and 7 s of one address. */
export const DEFAULT_ACCESS_LIMITS: AccessLimits = { maxWaitingSignIns: 2048, maxWaitingSignInsPerAddress: 256 };
/** Pairs of key and secret that are known to be right: some 200 bytes each. */
const KNOWN_PAIRS = 20_000;
/** SCRAM proofs of one address that may fail: about as many as the pool above has room for. */
const FAILURES = { burst: 256, perSecond: 40, maxAddresses: 10_000 };

/** Certificate names whose principal is kept, so that a storm of them makes none anew. */
const KNOWN_CERTIFICATES = 20_000;

/** Builds the door: certificates, then anonymous, then tokens. Whom no method knows is refused. */
export function createAccess(options: AccessOptions): AccessControl {
  const logger = options.logger ?? silentLogger;
  const reader = openTokenReader(options.tokenFile, logger, options.repeat);
  warnOfOpenDoors(options, logger);

  const principalOf = tokenPrincipals(options.rules);
  const anonymousOf = anonymousPrincipals(options.rules);
  const certificateOf = certificatePrincipals(options.rules);
  const brake = createFailureBrake({ ...FAILURES, nowMs: options.nowMs ?? (() => performance.now()) });
  const limits = { ...DEFAULT_ACCESS_LIMITS, ...options.limits };
  const reached = options.reached ?? nothingReached();
  const pool = createCheckPool({
    parallel: PARALLEL_CHECKS,
    maxWaiting: limits.maxWaitingSignIns,
    maxWaitingPerAddress: limits.maxWaitingSignInsPerAddress,
    reached,
  });
  const scram = scramAuthenticator({ reader, brake, principalOf });
  const methods: readonly Authenticator[] = [
    certificateAuthenticator(certificateOf),
    anonymousAuthenticator(options.anonymous, anonymousOf),
    tokenAuthenticator({
      reader,
      pool,
      cache: createVerifiedCache<Token>(KNOWN_PAIRS),
      principalOf,
    }),
  ];

  return {
    authenticate: (credentials) => {
      for (let at = 0; at < methods.length; at++) {
        const decision = methods[at]?.(credentials);
        if (decision === null || decision === undefined) continue;
        if (!(decision instanceof Promise)) return decision;
        return decision.then((late) => late ?? UNKNOWN);
      }
      return UNKNOWN;
    },
    exchange: (method, { clientId, username, remote }) =>
      scram(method, { clientId, username, address: remote.address, certificate: remote.certificate }),
    principalOf(who, clientId) {
      if (who.kind === 'anonymous') return anonymousOf(clientId);
      if (who.kind === 'certificate') return certificateOf(who.name, clientId);
      const token = reader.get(who.name);
      const principal = token === undefined ? null : principalOf(token, clientId);
      return principal !== null && isSamePrincipal({ ...who, rules: principal.rules }, principal) ? principal : null;
    },
    onRevoked: (listener) => reader.onEnded(listener),
    tokenCount: () => reader.size(),
    waitingSignIns: () => pool.waiting(),
    close: () => reader.close(),
  };
}

const UNKNOWN: Decision = { ok: false, reason: 'bad-credentials', detail: 'no method knows these credentials' };

function anonymousPrincipals(rules: readonly TopicRule[]): (clientId: string) => Principal {
  const build = (clientId: string): Principal => ({
    name: 'anonymous',
    kind: 'anonymous',
    world: DEFAULT_NAMESPACE,
    rules: compileRules(rules, { kind: 'anonymous', user: null, clientId, readOnly: false }),
  });
  if (dependsOnClientId(rules, 'anonymous', null)) return build;
  const shared = build('');
  return () => shared;
}

function certificatePrincipals(rules: readonly TopicRule[]): (user: string, clientId: string) => Principal {
  const built = new Map<string, Principal>();
  return (user, clientId) => {
    const known = built.get(user);
    if (known !== undefined) return known;
    const principal: Principal = {
      name: user,
      kind: 'certificate',
      world: DEFAULT_NAMESPACE,
      rules: compileRules(rules, { kind: 'certificate', user, clientId, readOnly: false }),
    };
    if (built.size >= KNOWN_CERTIFICATES) built.clear();
    if (!dependsOnClientId(rules, 'certificate', user)) built.set(user, principal);
    return principal;
  };
}

function tokenPrincipals(rules: readonly TopicRule[]): (token: Token, clientId: string) => Principal | null {
  const built = new WeakMap<Token, Principal>();
  return (token, clientId) => {
    const known = built.get(token);
    if (known !== undefined) return known;
    const world = worldOf(token.namespace);
    if (world === null) return null;
    const principal: Principal = {
      name: token.key,
      kind: 'token',
      world,
      since: token.createdAt,
      rules: compileRules(rules, {
        kind: 'token',
        user: token.key,
        clientId,
        readOnly: token.permission === 'read-only',
      }),
    };
    if (!dependsOnClientId(rules, 'token', token.key)) built.set(token, principal);
    return principal;
  };
}

/** Rules narrow only those whom they name; say so where that is easily overlooked. */
function warnOfOpenDoors({ rules, anonymous, listeners }: AccessOptions, logger: Logger): void {
  if (rules.length === 0 || isNamed(rules, 'anonymous', null)) return;
  const doors = listeners ?? [{ listener: 'every listener', anonymous }];
  const open = doors.filter((door) => door.anonymous !== 'none');
  if (open.length === 0) return;
  const where = open.map((door) => `${door.listener} (${door.anonymous})`).join(', ');
  logger.warn(
    { anonymous: where },
    'there are topic rules, but none for anonymous clients: they may use every topic where they are let in',
  );
}
